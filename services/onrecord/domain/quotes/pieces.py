"""Pieces of a quote: runs of its words, by which the database finds statements that may have it.

A quote that differs in some words still has runs that do not. Trigrams of long texts are no
measure: a speech has nearly all of them.
"""

import re
from collections.abc import Sequence
from typing import Final

from onrecord.domain.quotes.compare import parts_of
from onrecord.domain.quotes.folding import is_unspaced

MAX_PIECES: Final = 12
"""Each costs a look-up in the index."""
_LONGEST: Final = 6
"""Words of the piece that shows whether the quote stands on record as it is."""
_RUN: Final = re.compile(r"\S+")
_UNSPACED_WORD: Final = 3
"""Characters that count as a word in a script without blanks: the index cannot find fewer."""

Range = tuple[int, int]


def longest_pieces(text: str) -> list[str]:
    """The longest piece of each part: a statement that has the quote's very words has them all."""
    pieces = [
        max(pieces, key=len)
        for part in parts_of(text)
        if (pieces := [piece for words in _groups(part) for piece in _windows(part, words)])
    ]
    return _spread(pieces)


def short_pieces(text: str) -> list[str]:
    """Pieces of two to four words from the whole quote."""
    pieces: list[str] = []
    for part in parts_of(text):
        for words in _groups(part):
            pieces += _windows(part, words, size=_size(len(words)))
    if len(pieces) <= MAX_PIECES * 2:  # the longer a piece, the fewer statements have it
        return sorted(pieces, key=len, reverse=True)[:MAX_PIECES]
    return _spread(pieces)


def _size(words: int) -> int:
    return 2 if words < 8 else 3 if words < 12 else 4


def _windows(text: str, words: Sequence[Range], *, size: int = _LONGEST) -> list[str]:
    last = max(len(words) - size, 0)
    return [text[words[n][0] : words[min(n + size, len(words)) - 1][1]] for n in range(last + 1)]


def _groups(text: str) -> list[list[Range]]:
    """Ranges of words that belong together; a blank in a script without blanks does not count."""
    groups: list[list[Range]] = []
    was_unspaced = False
    for run in _RUN.finditer(text):
        first, last = is_unspaced(run[0][0]), is_unspaced(run[0][-1])
        if not groups or (was_unspaced and first):
            groups.append([])
        groups[-1] += _words(run)
        was_unspaced = last
    return groups


def _words(run: "re.Match[str]") -> list[Range]:
    start, end = run.span()
    if not any(map(is_unspaced, run[0])):
        return [(start, end)]
    step = _UNSPACED_WORD
    return [(at, min(at + step, end)) for at in range(start, end, step)]


def _spread(pieces: Sequence[str]) -> list[str]:
    """At most `MAX_PIECES` of them, from everywhere."""
    count = min(len(pieces), MAX_PIECES)
    return [pieces[n * len(pieces) // count] for n in range(count)]
