"""Comparison of a quote with a text on record: the passage that it quotes, and how it differs.

Pure functions, without a look at other statements. The quote may be a passage of the text. Where it
has an ellipsis, its parts are looked for in their order.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from onrecord.domain.quotes.alignment import Alignment, Difference, align
from onrecord.domain.quotes.folding import FoldedChar, fold, is_word_char

Verdict = Literal["exact", "same_words", "differs"]

VERDICTS: Final[tuple[Verdict, ...]] = ("exact", "same_words", "differs")
"""From the best to the worst."""
MIN_SIMILARITY: Final = 0.6
"""The share of words in common from which a passage is what a quote may mean."""

_DOTS: Final = r"(?:\u2026+|\.{3,}|\.\s\.\s\.)"
_ELLIPSIS: Final = re.compile(rf"\s*(?:\[\s*{_DOTS}\s*\]|\(\s*{_DOTS}\s*\)|{_DOTS})\s*")


@dataclass(frozen=True)
class Passage:
    """The words on record that a quote means. `start` and `end` count code points of the text."""

    verdict: Verdict
    start: int
    end: int
    similarity: float
    differences: Sequence[Difference]
    shortened: bool = False
    """The quote says by an ellipsis that it leaves words out."""


@dataclass(frozen=True)
class Quote:
    """A quote, folded once for all comparisons."""

    text: str
    core: str
    """The text without an ellipsis at an end, which only says that the quote is a passage."""
    folded: Sequence[FoldedChar]
    """The core, folded."""
    parts: "Sequence[Quote]"
    """What stands between ellipses, where that is more than one part; else nothing."""


@dataclass(frozen=True)
class Recorded:
    """A text on record, folded."""

    text: str
    folded: Sequence[FoldedChar]
    folded_text: str


def read_quote(text: str) -> Quote:
    """A quote with its parts. Blanks around it do not belong to it."""
    text = text.strip()
    parts = parts_of(text)
    core = parts[0] if len(parts) == 1 else text
    inner = [Quote(part, part, fold(part), ()) for part in parts] if len(parts) > 1 else ()
    return Quote(text, core, fold(core), inner)


def parts_of(text: str) -> list[str]:
    """The parts of a quote between ellipses that have a letter or a digit."""
    return [part for part in _ELLIPSIS.split(text) if any(map(is_word_char, part))]


def fold_recorded(text: str) -> Recorded:
    folded = fold(text)
    return Recorded(text, folded, "".join(char.char for char in folded))


def find_exact(quote: Quote, text: str) -> Passage | None:
    """The passage that equals the quote, code point for code point."""
    for wanted in (quote.text, quote.core):
        start = text.find(wanted)
        if start >= 0:
            return Passage("exact", start, start + len(wanted), 1.0, ())
    return None


def find_passage(quote: Quote, recorded: Recorded) -> Passage | None:
    """The passage that the quote means; None where nothing is near."""
    passage = find_exact(quote, recorded.text) or _find_same_words(quote, recorded, 0)
    if passage or not quote.parts:
        return passage or _find_near(quote, recorded, 0)
    return _find_parts(quote, recorded)


def _find_parts(quote: Quote, recorded: Recorded) -> Passage | None:
    """The passages of all parts, each after the one before it, as one."""
    passages: list[Passage] = []
    differences: list[Difference] = []
    for part in quote.parts:
        after = passages[-1].end if passages else 0
        passage = _find_part(part, recorded, after)
        if passage is None:
            return None
        omitted = recorded.text[after : passage.start]
        if passages and omitted:
            differences.append(Difference("omit", None, omitted))
        recorded_words = recorded.text[passage.start : passage.end]
        equal = Difference("equal", part.text, recorded_words)
        differences += passage.differences or [equal]
        passages.append(passage)
    weights = [len(part.text) for part in quote.parts]
    weighted = zip(passages, weights, strict=True)
    return Passage(
        max((passage.verdict for passage in passages), key=VERDICTS.index),
        passages[0].start,
        passages[-1].end,
        sum(passage.similarity * weight for passage, weight in weighted) / sum(weights),
        differences,
        shortened=True,
    )


def _find_part(part: Quote, recorded: Recorded, after: int) -> Passage | None:
    start = recorded.text.find(part.text, after)
    if start >= 0:
        return Passage("exact", start, start + len(part.text), 1.0, ())
    return _find_same_words(part, recorded, after) or _find_near(part, recorded, after)


def _find_same_words(quote: Quote, recorded: Recorded, after: int) -> Passage | None:
    first = _first_char(recorded, after)
    wanted = "".join(char.char for char in quote.folded)
    at = recorded.folded_text.find(wanted, first) if wanted else -1
    if at < 0:
        return None
    start = recorded.folded[at].start
    end = recorded.folded[at + len(wanted) - 1].end
    equal = Difference("equal", quote.text, recorded.text[start:end])
    return Passage("same_words", start, end, 1.0, [equal])


def _find_near(quote: Quote, recorded: Recorded, after: int) -> Passage | None:
    following = recorded.folded[_first_char(recorded, after) :]
    alignment: Alignment | None = align(quote.text, quote.folded, recorded.text, following)
    if alignment is None or alignment.similarity < MIN_SIMILARITY:
        return None
    return Passage(
        "differs", alignment.start, alignment.end, alignment.similarity, alignment.differences
    )


def _first_char(recorded: Recorded, after: int) -> int:
    """The index of the first folded character that comes from code point `after` or later."""
    if after == 0:
        return 0
    starts = (n for n, char in enumerate(recorded.folded) if char.start >= after)
    return next(starts, len(recorded.folded))
