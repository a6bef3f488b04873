"""Folded text: a text without what may differ between a quote and the same words on record.

These are Unicode's ways to write a character (NFC, NFD, width, ligatures), case, blanks, quotation
marks, kinds of apostrophes and dashes, and characters without width. Accents and other punctuation
stay.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

_MAX_CLUSTER: Final = 32
"""Code points. To sort more combining marks, as Unicode orders them, takes quadratic time."""
_TYPED_FOR_EACH_OTHER: Final = {
    **dict.fromkeys(
        map(
            ord,
            '"\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033\u300c\u300d\u300e\u300f\u301d\u301e\u301f'
            "\u05f4",
        ),
        "",
    ),
    **dict.fromkeys(
        map(
            ord,
            "`\u00b4\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u2018\u2019\u201a\u201b\u2032\u2039"
            "\u203a\u05f3\ua78c\uff07",
        ),
        "'",
    ),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u05be\u2e3a\u2e3b"), "-"),
    0x0640: "",  # the Arabic tatweel only makes a word longer
}
"""Single quotation marks are apostrophes until it is known what stands beside them."""
_QUOTATION_MARK: Final = re.compile(r"(?<![^\W_])'|'(?![^\W_])")
"""An apostrophe that does not stand within a word."""
_BLANKS: Final = re.compile(" +")
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


@dataclass(frozen=True)
class Folded:
    """Folded characters, and for each the code points that it comes from, `ends` exclusive."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def without(self, ranges: Sequence[tuple[int, int]]) -> "Folded":
        """What is left without some ranges of characters, which are in order."""
        if not ranges:
            return self
        edges = [0, *(edge for range_ in ranges for edge in range_), len(self.text)]
        kept = list(zip(edges[::2], edges[1::2], strict=True))
        return Folded(
            "".join(self.text[start:end] for start, end in kept),
            [at for start, end in kept for at in self.starts[start:end]],
            [at for start, end in kept for at in self.ends[start:end]],
        )


def fold(text: str) -> Folded:
    """A text as it is compared."""
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        for char in _fold_cluster(text[start:end]):
            chars.append(char)
            starts.append(start)
            ends.append(end)
    folded = Folded("".join(chars), starts, ends)
    folded = folded.without([mark.span() for mark in _QUOTATION_MARK.finditer(folded.text)])
    return folded.without(list(_stray_blanks(folded.text)))


def is_unspaced(char: str) -> bool:
    """Whether a character belongs to a script without blanks between words."""
    return char > "\u0e00" and _UNSPACED.match(char) is not None


def is_word_char(char: str) -> bool:
    """Whether a character is part of a word: a letter, a digit, or a mark on one."""
    return char.isalnum() or is_mark(char)


def is_mark(char: str) -> bool:
    """Whether a character is written onto the one before it."""
    return char >= "\u0300" and unicodedata.category(char)[0] == "M"


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Ranges of a character with its marks, or of the letters of a Korean syllable."""
    starts: list[int] = []
    for at, char in enumerate(text):
        if char < "\u0300" or not starts or not _continues(char) or at - starts[-1] == _MAX_CLUSTER:
            starts.append(at)
    return pairwise((*starts, len(text)))


def _continues(char: str) -> bool:
    return is_mark(char) or "\u1160" <= char <= "\u11ff" or char in "\uff9e\uff9f"


@lru_cache(maxsize=16_384)
def _fold_cluster(cluster: str) -> str:
    cluster = cluster.translate(_TYPED_FOR_EACH_OTHER)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", cluster).casefold())
    return "".join(
        " " if char.isspace() else char
        for char in folded.translate(_TYPED_FOR_EACH_OTHER)
        if not _is_ignored(char)
    )


def _is_ignored(char: str) -> bool:
    """Whether a character has no width: formats, variation selectors, the grapheme joiner."""
    return unicodedata.category(char) == "Cf" or char == "\u034f" or "\ufe00" <= char <= "\ufe0f"


def _stray_blanks(text: str) -> Iterator[tuple[int, int]]:
    """Blanks beyond one between two words: those at punctuation, and all in unspaced scripts."""
    for blanks in _BLANKS.finditer(text):
        start, end = blanks.span()
        if start > 0 and end < len(text) and _are_apart(text[start - 1], text[end]):
            start += 1
        if start < end:
            yield start, end


def _are_apart(left: str, right: str) -> bool:
    if not (is_word_char(left) and is_word_char(right)):
        return False
    return not (is_unspaced(left) and is_unspaced(right))
