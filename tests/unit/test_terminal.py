"""Text of the record on a terminal: nothing that it would obey, nothing that would hide words."""

import io
import json
from dataclasses import dataclass

import pytest
from rich.progress import Progress, TextColumn
from rich.table import Table
from rich.text import Text

from onrecord.domain.statement import ChainLink
from onrecord.kit.terminal import TerminalConsole, json_text, visible, visible_texts
from onrecord.query.answers.statement_schemas import EvidenceOut

HOSTILE = "\x1b]0;owned\x07 \x9b31m \u202egnp.exe\u2066 a\u200bb\u200dc \u2028 \ufeff\r\b"
RAW = frozenset("\x1b\x07\x08\x9b\u202e\u2066\u200b\u200d\u2028\ufeff")


@dataclass(frozen=True)
class Quotation:
    words: str
    sources: list[EvidenceOut]
    erased: dict[str, str]
    size: int


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Plain, naïve – “words” 1 000 €", "Plain, naïve – “words” 1 000 €"),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("\x9b31m\x7f\0", r"\x9b31m\x7f\x00"),
        ("a\u202eb\u2069", r"a\u202eb\u2069"),
        ("a\nb\tc\rd\u2028e\x85", r"a\nb\tc\rd\u2028e\x85"),
        ("pass\u200dword", r"pass\u200dword"),
        ("می‌خواهم 👩‍👧", "می‌خواهم 👩‍👧"),
        ("م\u200c\u200d\u200cخ", r"م\u200c\u200d\u200cخ"),
        ("\u200dx", r"\u200dx"),
        ("\U000e0041\udc80\ue000", r"\U000e0041\udc80\ue000"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert shown == visible(text)
    assert visible(shown) == shown


def test_line_feeds_stay_in_words_and_not_in_names() -> None:
    assert {"a\\n": ["b\nc", 1, None]} == visible_texts({"a\n": ["b\nc", 1, None]})


def test_texts_of_answers_are_made_visible_wherever_they_stand() -> None:
    source = EvidenceOut(outlet=HOSTILE, chain=(ChainLink(by=HOSTILE, relation="quoted"),))
    shown = visible_texts(Quotation(f"a\n{HOSTILE}", [source], {"note": HOSTILE}, 3))
    assert (f"a\n{visible(HOSTILE)}", 3) == (shown.words, shown.size)
    assert visible(HOSTILE) == shown.sources[0].outlet == shown.sources[0].chain[0].by
    assert {"note": visible(HOSTILE)} == shown.erased


def test_json_has_only_ascii_and_means_the_same() -> None:
    document = {HOSTILE: [HOSTILE, "ł"]}
    assert json_text(document).isascii()
    assert not {*json_text(document)} & RAW
    assert document == json.loads(json_text(document))


def test_a_console_prints_no_raw_control_whatever_it_is_given() -> None:
    file = io.StringIO()
    console = TerminalConsole(file=file, width=60, force_terminal=True, markup=False)
    table = Table()
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    console.print(HOSTILE)
    console.print(Text(HOSTILE), table)
    console.rule(HOSTILE)
    with Progress(TextColumn("{task.description}", markup=False), console=console) as progress:
        progress.add_task(HOSTILE)
        console.print(HOSTILE)
    printed = file.getvalue()
    assert r"\x1b]0;owned" in printed
    assert not {*printed} & (RAW - {"\x1b"})
    assert "\x1b]" not in printed, "rich's own sequences begin with ESC ["
