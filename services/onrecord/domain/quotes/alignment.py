"""Alignment of a quote with the passage of a text that has most of its words, word by word.

In scripts without blanks each character counts as a word, and so does each punctuation mark.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

from onrecord.domain.quotes.folding import Folded, is_mark, is_unspaced, is_word_char

Operation = Literal["equal", "insert", "delete", "replace", "omit"]

MIN_SIMILARITY: Final = 0.6
"""The share of words in common from which a passage is what a quote may mean."""


class WordDifference(NamedTuple):
    """A run of words: what the quote and what the record has there, in their own spelling.

    `insert`: only the quote has them; `delete`: only the record; `omit`: only the record, and the
    quote has an ellipsis there.
    """

    op: Operation
    quoted: str | None
    recorded: str | None


@dataclass(frozen=True)
class Alignment:
    """A passage with the share of words that it has in common with the quote: from 0 to 1."""

    start: int
    end: int
    similarity: float
    differences: Sequence[WordDifference]


class Word(NamedTuple):
    """A folded word and its place in the text."""

    word: str
    start: int
    end: int


def align(
    quote: str, quoted: Sequence[Word], recorded: str, candidates: Sequence[Word]
) -> Alignment | None:
    """The passage with most words of the quote; None where it has too few of them."""
    passage = _trimmed(quoted, _most_words(quoted, candidates))
    if not passage:
        return None
    matcher = _matcher(passage, quoted)
    equal = sum(size for _, _, size in matcher.get_matching_blocks())
    similarity = 2 * equal / (len(quoted) + len(passage))
    if similarity < MIN_SIMILARITY:
        return None
    differences = [
        WordDifference(op, _slice(quote, quoted[j:k]), _slice(recorded, passage[h:i]))
        for op, h, i, j, k in matcher.get_opcodes()
    ]
    return Alignment(passage[0].start, passage[-1].end, similarity, differences)


def words_of(folded: Folded) -> list[Word]:
    """The words of a folded text."""
    words: list[Word] = []
    is_open = False
    for char, start, end in zip(folded.text, folded.starts, folded.ends, strict=True):
        if char == " ":
            is_open = False
            continue
        # apostrophes stand within words only: folding has removed the others
        is_letter = (is_word_char(char) and not is_unspaced(char)) or char == "'"
        if words and ((is_letter and is_open) or is_mark(char)):
            last = words[-1]
            words[-1] = Word(last.word + char, last.start, end)
        else:
            words.append(Word(char, start, end))
            is_open = is_letter
    return words


def _most_words(quoted: Sequence[Word], candidates: Sequence[Word]) -> Sequence[Word]:
    """The first window of as many words as the quote has that has most of them, with a margin.

    Nothing where it has too few, so that the longer comparison is spared.
    """
    length = len(quoted)
    missing = Counter(word.word for word in quoted)
    common, best, best_start = 0, 0, 0
    for n, (word, _, _) in enumerate(candidates):
        if n >= length:
            left = candidates[n - length].word
            missing[left] += 1
            common -= missing[left] > 0
        common += missing[word] > 0
        missing[word] -= 1
        if common > best:
            best, best_start = common, max(n - length + 1, 0)
    if best < length * MIN_SIMILARITY / 2:
        return ()
    margin = length // 4 + 2
    return candidates[max(best_start - margin, 0) : best_start + length + margin]


def _trimmed(quoted: Sequence[Word], window: Sequence[Word]) -> Sequence[Word]:
    """The part of a window that stands where the quote does.

    Beyond the first and the last word in common, as many words as the quote has there.
    """
    blocks = [block for block in _matcher(window, quoted).get_matching_blocks() if block.size]
    if not blocks:
        return ()
    first, last = blocks[0], blocks[-1]
    start = max(first.a - first.b, 0)
    return window[start : last.a + len(quoted) - last.b]


def _matcher(recorded: Sequence[Word], quoted: Sequence[Word]) -> "SequenceMatcher[str]":
    """From 200 words on, it looks for frequent ones only beside others: else it takes seconds."""
    return SequenceMatcher(None, [word.word for word in recorded], [word.word for word in quoted])


def _slice(text: str, words: Sequence[Word]) -> str | None:
    return text[words[0].start : words[-1].end] if words else None
