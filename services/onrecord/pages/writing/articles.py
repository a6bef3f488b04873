"""Articles that editors paste: the main text, and where a passage stands in it.

Pure functions. The text is normalized before it is hashed: NFC, and line ends are LF. Offsets are
code points of that text.
"""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_MARKUP: Final = re.compile(
    r"<(?:!doctype|html|body|article|main|section|div|p|h[1-6]|span|br)\b", re.I
)
_CONTEXT: Final = 32
"""Code points before and after a passage in its selector (W3C: `prefix` and `suffix`)."""
MAX_PLACES: Final = 20
"""Places of a passage that are shown."""
_QUOTATION_MARKS: Final = str.maketrans(dict.fromkeys("“”„‟«»″", '"') | dict.fromkeys("‘’‚‛′", "'"))


@dataclass(frozen=True)
class ArticlePassage:
    """A passage of a text, `end` exclusive, with what stands around it."""

    start: int
    end: int
    exact: str
    prefix: str
    suffix: str

    @property
    def place(self) -> str:
        """`start-end`, as forms send it."""
        return f"{self.start}-{self.end}"

    def selector(self) -> dict[str, Any]:
        """The selector of evidence (W3C: TextQuote and TextPosition)."""
        around = {"prefix": self.prefix, "suffix": self.suffix}
        return {
            "exact": self.exact,
            **{name: text for name, text in around.items() if text.strip()},
            "start": self.start,
            "end": self.end,
        }


def normalized(text: str) -> str:
    """NFC, with LF as line ends."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def main_text(pasted: str) -> str:
    """The text of an article: of HTML its main text, of text itself. Nothing is fetched."""
    if not _MARKUP.search(pasted):
        return normalized(pasted)
    import trafilatura  # here, as it takes a second, and other pages do without it

    extracted = trafilatura.extract(pasted, include_comments=False, favor_recall=True)
    return normalized(extracted or "")


def text_digest(text: str) -> str:
    """SHA-256 of a normalized text as UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def passage_at(text: str, start: int, end: int) -> ArticlePassage:
    prefix = text[max(0, start - _CONTEXT) : start]
    return ArticlePassage(start, end, text[start:end], prefix, text[end : end + _CONTEXT])


def parse_place(text: str, place: str) -> ArticlePassage | None:
    """The passage at `start-end`; None if there is none."""
    match = re.fullmatch(r"(\d{1,9})-(\d{1,9})", place, re.ASCII)
    if match is None or not int(match[1]) < int(match[2]) <= len(text):
        return None
    return passage_at(text, int(match[1]), int(match[2]))


def exact_passages(text: str, quote: str) -> Sequence[ArticlePassage]:
    """All places where a normalized quote stands in a normalized text, code point by code point."""
    return _occurrences(text, [*range(len(text) + 1)], text, quote)


def similar_passages(text: str, quote: str) -> Sequence[ArticlePassage]:
    """Places where it stands but for blanks, quotation marks and case."""
    folded, places = _folded(text)
    return _occurrences(folded, places, text, _folded(quote)[0].strip())


def _occurrences(
    searched: str, places: Sequence[int], text: str, quote: str
) -> Sequence[ArticlePassage]:
    passages: list[ArticlePassage] = []
    start = searched.find(quote) if quote else -1
    while start >= 0 and len(passages) < MAX_PLACES:
        last = places[start + len(quote) - 1]
        passages.append(passage_at(text, places[start], last + 1))
        start = searched.find(quote, start + 1)
    return passages


def _folded(text: str) -> tuple[str, list[int]]:
    """A text without differences of blanks, quotation marks and case; and where each code point of
    it stands in the text.
    """
    folded: list[str] = []
    places: list[int] = []
    for n, char in enumerate(text):
        if char.isspace():
            if folded and folded[-1] == " ":
                continue
            folded.append(" ")
            places.append(n)
            continue
        for other in char.translate(_QUOTATION_MARKS).casefold():
            folded.append(other)
            places.append(n)
    return "".join(folded), places
