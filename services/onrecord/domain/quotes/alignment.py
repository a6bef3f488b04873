"""Alignment of a quote with the passage of a text that has most of its words, word by word.

In scripts without blanks each character counts as a word, and so does each punctuation mark.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from onrecord.domain.quotes.folding import FoldedChar, is_mark, is_unspaced, is_word_char

Operation = Literal["equal", "insert", "delete", "replace", "omit"]


class Difference(NamedTuple):
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
    differences: Sequence[Difference]


class Word(NamedTuple):
    """A folded word and its place in the text."""

    word: str
    start: int
    end: int


def align(
    quote: str,
    folded_quote: Sequence[FoldedChar],
    recorded: str,
    folded_recorded: Sequence[FoldedChar],
) -> Alignment | None:
    """The passage with most words of the quote; None where it has none of them."""
    quoted, candidates = words_of(folded_quote), words_of(folded_recorded)
    passage = _trimmed(quoted, _most_words(quoted, candidates))
    if not passage:
        return None
    matcher = _matcher(passage, quoted)
    equal = sum(size for _, _, size in matcher.get_matching_blocks())
    differences = [
        Difference(op, _slice(quote, quoted[j:k]), _slice(recorded, passage[h:i]))
        for op, h, i, j, k in matcher.get_opcodes()
    ]
    similarity = 2 * equal / (len(quoted) + len(passage))
    return Alignment(passage[0].start, passage[-1].end, similarity, differences)


def words_of(chars: Sequence[FoldedChar]) -> list[Word]:
    """The words of a folded text."""
    words: list[Word] = []
    is_open = False
    for n, (char, start, end) in enumerate(chars):
        if char == " ":
            is_open = False
            continue
        # within words only: folding has removed the other apostrophes
        is_letter = (is_word_char(char) and not is_unspaced(char)) or char == "'"
        is_joined = bool(words) and is_mark(char) and chars[n - 1].char != " "
        if is_joined or (is_letter and is_open):
            last = words[-1]
            words[-1] = Word(last.word + char, last.start, end)
        else:
            words.append(Word(char, start, end))
            is_open = is_letter
    return words


def _most_words(quoted: Sequence[Word], candidates: Sequence[Word]) -> Sequence[Word]:
    """The first window of as many words as the quote has that has most of them, with a margin."""
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
    if best == 0:
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
    return SequenceMatcher(
        None, [word.word for word in recorded], [word.word for word in quoted], autojunk=False
    )


def _slice(text: str, words: Sequence[Word]) -> str | None:
    return text[words[0].start : words[-1].end] if words else None
