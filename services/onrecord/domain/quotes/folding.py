"""Folded text: a text without what may differ between a quote and the same words on record.

These are Unicode's ways to write a character (NFC, NFD, width, ligatures), case, blanks, quotation
marks, kinds of apostrophes and dashes, and characters without width. Accents and other punctuation
stay. Each folded character knows the code points that it comes from.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

_MAX_CLUSTER: Final = 32
"""Code points. To sort more combining marks, as Unicode orders them, takes quadratic time."""
_BLANK: Final = " "
_APOSTROPHE: Final = "'"
_QUOTATION_MARKS: Final = dict.fromkeys(
    map(
        ord, '"\u00ab\u00bb\u201c\u201d\u201e\u201f\u300c\u300d\u300e\u300f\u301d\u301e\u301f\u05f4'
    ),
    "",
)
_TYPED_FOR_EACH_OTHER: Final = {
    **_QUOTATION_MARKS,
    **dict.fromkeys(
        map(
            ord,
            "`\u00b4\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u2018\u2019\u201a\u201b\u2032\u2039"
            "\u203a\u05f3\ua78c\uff07",
        ),
        _APOSTROPHE,
    ),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u05be\u2e3a\u2e3b"), "-"),
    **dict.fromkeys(map(ord, "\u2033\u0640"), ""),
}
"""Single quotation marks are apostrophes until it is known what stands beside them. U+0640, the
Arabic tatweel, only makes a word longer."""
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


class FoldedChar(NamedTuple):
    """A character, and the code points of the text from which it comes, `end` exclusive."""

    char: str
    start: int
    end: int


def fold(text: str) -> list[FoldedChar]:
    """The folded characters of a text."""
    chars = [
        FoldedChar(char, start, end)
        for start, end in _clusters(text)
        for char in _fold_cluster(text[start:end])
    ]
    return _without_stray_blanks(_without_quotation_marks(chars))


def is_unspaced(char: str) -> bool:
    """Whether a character belongs to a script without blanks between words."""
    return _UNSPACED.match(char) is not None


def is_word_char(char: str) -> bool:
    """Whether a character is part of a word: a letter, a digit, or a mark on one."""
    return char.isalnum() or is_mark(char)


def is_mark(char: str) -> bool:
    """Whether a character is written onto the one before it."""
    return unicodedata.category(char)[0] == "M"


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Ranges of a character with its marks, or of the letters of a Korean syllable."""
    starts: list[int] = []
    for at, char in enumerate(text):
        if not starts or not _continues(char) or at - starts[-1] == _MAX_CLUSTER:
            starts.append(at)
    return pairwise((*starts, len(text)))


def _continues(char: str) -> bool:
    if char < "\u0300":
        return False
    return is_mark(char) or "\u1160" <= char <= "\u11ff" or char in "\uff9e\uff9f"


@lru_cache(maxsize=4_096)
def _fold_cluster(cluster: str) -> str:
    if cluster.isspace():
        return _BLANK
    cluster = cluster.translate(_TYPED_FOR_EACH_OTHER)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", cluster).casefold())
    return "".join(
        _BLANK if char.isspace() else char
        for char in folded.translate(_TYPED_FOR_EACH_OTHER)
        if not _is_ignored(char)
    )


def _is_ignored(char: str) -> bool:
    """Whether a character has no width: formats, variation selectors, the grapheme joiner."""
    return unicodedata.category(char) == "Cf" or char == "\u034f" or "\ufe00" <= char <= "\ufe0f"


def _without_quotation_marks(chars: list[FoldedChar]) -> list[FoldedChar]:
    """Without apostrophes that do not stand within a word: these are quotation marks."""
    last = len(chars) - 1
    return [
        char
        for n, char in enumerate(chars)
        if char.char != _APOSTROPHE
        or (0 < n < last and is_word_char(chars[n - 1].char) and is_word_char(chars[n + 1].char))
    ]


def _without_stray_blanks(chars: list[FoldedChar]) -> list[FoldedChar]:
    """With one blank between two words, and none at punctuation or in a script without blanks."""
    kept: list[FoldedChar] = []
    blank: FoldedChar | None = None
    for char in chars:
        if char.char == _BLANK:
            blank = blank or char
            continue
        if blank and kept and _are_apart(kept[-1].char, char.char):
            kept.append(blank)
        blank = None
        kept.append(char)
    return kept


def _are_apart(left: str, right: str) -> bool:
    if not (is_word_char(left) and is_word_char(right)):
        return False
    return not (is_unspaced(left) and is_unspaced(right))
