"""Sentences of pages: each kind of change, each stance, what is possible, and corrections."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from onrecord.domain.changes import CHANGE_KINDS
from onrecord.domain.stances import STANCES
from onrecord.pages import sentences


def same(message: str, /) -> str:
    """`gettext` of a catalogue without translations."""
    return message


def step(**over: Any) -> Any:
    return SimpleNamespace(
        **{
            "id": 1,
            "actor_label": "Emma",
            "topic_label": "Talks",
            "kind": "hardened",
            "stance": "oppose",
            "condition": None,
            "effective": "2022-12-02",
            "since": "2022-12-02",
            "previous": SimpleNamespace(stance="conditional_oppose"),
            "certainty": "definite",
            "alternatives": [],
            "announced": False,
            **over,
        }
    )


@dataclass
class Version:
    stance: str
    date: str = "2022"
    condition: str | None = None


def test_each_kind_of_change_has_a_sentence_of_its_own() -> None:
    written = {sentences.change(same, step(kind=kind), "en") for kind in CHANGE_KINDS}
    assert len(CHANGE_KINDS) == len(written)
    assert (
        "Emma hardened on “Talks”, from conditional opposition to opposition, on 2 December 2022."
        in written
    )
    assert "Emma reversed on “Talks”, from conditional opposition to opposition" in "".join(written)


def test_a_change_says_that_it_was_announced_and_what_dates_leave_open() -> None:
    text = sentences.change(same, step(announced=True, certainty="possible"), "en")
    assert text.endswith(
        "This was announced ahead of its date. Inexact dates leave open what came before."
    )


@pytest.mark.parametrize("stance", STANCES)
def test_each_stance_is_a_word_and_a_sign(stance: Any) -> None:
    words = sentences.stands(same, step(stance=stance), "en")
    assert words.startswith("Emma ")
    assert words.endswith("“Talks”, since 2 December 2022.")
    assert len(set(sentences.STANCE_SIGNS.values())) == len(STANCES) + 1
    assert len(set(sentences.STANCES.values())) == len(STANCES) + 1


def test_a_beginning_that_is_not_known_is_at_the_latest() -> None:
    text = sentences.stands(same, step(since="../2022-12"), "en")
    assert text == "Emma opposes “Talks”, since December 2022 at the latest."


def test_a_possible_position_is_told_with_all_others_and_that_there_was_none_last() -> None:
    none = SimpleNamespace(id=None, stance=None, condition=None, effective=None)
    other = SimpleNamespace(id=2, stance="support", condition="If they leave.", effective="../2023")
    possible = step(certainty="possible", alternatives=[none, other])
    assert sentences.stands(same, possible, "en") == (
        "The position of Emma on “Talks” is only possible, as dates are inexact:"
        " perhaps opposition, on 2 December 2022;"
        " perhaps support (on the condition “If they leave.”), by 2023; perhaps no position yet."
    )


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            Version("support"),
            Version("oppose"),
            "The record on Emma and “Talks” now says opposition, in 2022;"
            " it said support, in 2022.",
        ),
        (
            Version("support"),
            None,
            "The record on Emma and “Talks” no longer says support, in 2022.",
        ),
        (None, Version("support"), "The record on Emma and “Talks” says support, in 2022 again."),
        (
            Version("support"),
            Version("support"),
            "The record on Emma and “Talks” was corrected; it still says support, in 2022.",
        ),
    ],
)
def test_a_correction_is_told_of_the_record(before: Any, after: Any, expected: str) -> None:
    names = {"actor_labels": ["Emma"], "topic_labels": ["Talks"]}
    amendment = SimpleNamespace(subject="position", was=before, now=after, **names)
    assert expected == sentences.correction(same, amendment, "en")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (object(), "A statement of Emma, Rex was corrected on record."),
        (None, "A statement of Emma, Rex was withdrawn from the record."),
    ],
)
def test_a_correction_of_a_statement_names_its_speakers(now: Any, expected: str) -> None:
    names = {"actor_labels": ["Emma", "Rex"], "topic_labels": []}
    amendment = SimpleNamespace(subject="statement", was=object(), now=now, **names)
    assert expected == sentences.correction(same, amendment, "en")


def test_a_correction_has_a_sign_that_no_change_has() -> None:
    assert sentences.CORRECTION_SIGN not in sentences.KIND_SIGNS.values()
    assert {"us", "outlet", "speaker"} == sentences.WRONG.keys()


def test_a_name_cannot_turn_the_rest_of_a_sentence() -> None:
    evil = step(actor_label="\u202eammE\u2069", topic_label="שלום")
    text = sentences.change(same, evil, "en")
    assert text.startswith("ammE hardened on “\u2068שלום\u2069”, from")
