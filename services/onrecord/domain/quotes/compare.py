"""Comparison of a quote with a text on record: the passage that it quotes, and how it differs.

Pure functions, without a look at other statements. The quote may be a passage of the text. Where it
has an ellipsis, its parts are looked for in their order.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from onrecord.domain.quotes.alignment import Alignment, Word, WordDifference, align, words_of
from onrecord.domain.quotes.folding import Folded, fold, is_word_char

Verdict = Literal["exact", "same_words", "differs"]

VERDICTS: Final[tuple[Verdict, ...]] = ("exact", "same_words", "differs")
"""From the best to the worst."""

_DOTS: Final = r"(?:\u2026+|\.{3,}|\.\s\.\s\.)"
_ELLIPSIS: Final = re.compile(rf"\[\s*{_DOTS}\s*\]|\(\s*{_DOTS}\s*\)|{_DOTS}")


@dataclass(frozen=True)
class Passage:
    """The words on record that a quote means. `start` and `end` count code points of the text."""

    verdict: Verdict
    start: int
    end: int
    similarity: float
    differences: Sequence[WordDifference]
    shortened: bool = False
    """The quote says by an ellipsis that it leaves words out."""


@dataclass(frozen=True)
class FoldedText:
    """A text with what comparisons need of it, computed once."""

    text: str

    @cached_property
    def folded(self) -> Folded:
        return fold(self.text)

    @cached_property
    def words(self) -> Sequence[Word]:
        return words_of(self.folded)


@dataclass(frozen=True)
class Quote:
    """A quote. `parts`: what stands between ellipses, where that is more than one part."""

    whole: FoldedText
    core: FoldedText
    """Without an ellipsis at an end, which only says that the quote is a passage."""
    parts: Sequence[FoldedText]


def read_quote(text: str) -> Quote:
    """A quote with its parts. Blanks around it do not belong to it."""
    whole = FoldedText(text.strip())
    parts = [FoldedText(part) for part in parts_of(text)]
    if len(parts) == 1:
        return Quote(whole, parts[0], ())
    return Quote(whole, whole, parts)


def parts_of(text: str) -> list[str]:
    """The parts of a quote between ellipses that have a letter or a digit."""
    return [part.strip() for part in _ELLIPSIS.split(text) if any(map(is_word_char, part))]


def find_exact(quote: Quote, text: str) -> Passage | None:
    """The passage that equals the quote, code point for code point."""
    return _find_exact(quote.whole.text, text, 0) or _find_exact(quote.core.text, text, 0)


def find_passage(quote: Quote, recorded: FoldedText) -> Passage | None:
    """The passage that the quote means; None where nothing is near."""
    passage = find_exact(quote, recorded.text) or _find_same_words(quote.core, recorded, 0)
    if passage is None and quote.parts:
        return _find_parts(quote.parts, recorded)
    return passage or _find_near(quote.core, recorded, 0)


def _find_parts(parts: Sequence[FoldedText], recorded: FoldedText) -> Passage | None:
    """The passages of all parts, each after the one before it, as one."""
    passages: list[Passage] = []
    differences: list[WordDifference] = []
    for part in parts:
        after = passages[-1].end if passages else 0
        passage = (
            _find_exact(part.text, recorded.text, after)
            or _find_same_words(part, recorded, after)
            or _find_near(part, recorded, after)
        )
        if passage is None:
            return None
        omitted = recorded.text[after : passage.start]
        if passages and omitted:
            differences.append(WordDifference("omit", None, omitted))
        equal = WordDifference("equal", part.text, recorded.text[passage.start : passage.end])
        differences += passage.differences or [equal]
        passages.append(passage)
    weights = [len(part.text) for part in parts]
    weighted = zip(passages, weights, strict=True)
    return Passage(
        max((passage.verdict for passage in passages), key=VERDICTS.index),
        passages[0].start,
        passages[-1].end,
        sum(passage.similarity * weight for passage, weight in weighted) / sum(weights),
        differences,
        shortened=True,
    )


def _find_exact(quote: str, text: str, after: int) -> Passage | None:
    start = text.find(quote, after)
    if start < 0:
        return None
    return Passage("exact", start, start + len(quote), 1.0, ())


def _find_same_words(quote: FoldedText, recorded: FoldedText, after: int) -> Passage | None:
    wanted, folded = quote.folded.text, recorded.folded
    at = folded.text.find(wanted, bisect_left(folded.starts, after)) if wanted else -1
    if at < 0:
        return None
    start, end = folded.starts[at], folded.ends[at + len(wanted) - 1]
    equal = WordDifference("equal", quote.text, recorded.text[start:end])
    return Passage("same_words", start, end, 1.0, [equal])


def _find_near(quote: FoldedText, recorded: FoldedText, after: int) -> Passage | None:
    candidates = recorded.words
    if after:
        candidates = candidates[bisect_left(candidates, after, key=lambda word: word.start) :]
    alignment: Alignment | None = align(quote.text, quote.words, recorded.text, candidates)
    if alignment is None:
        return None
    return Passage(
        "differs", alignment.start, alignment.end, alignment.similarity, alignment.differences
    )
