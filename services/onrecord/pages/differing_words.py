"""The words in which two texts differ, for the page of a statement that was corrected.

A pure function over `difflib`. Long texts are compared only where they are not the same at both
ends, as comparing takes the product of their lengths.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

_WORDS: Final = re.compile(r"\s+|\w+|[^\w\s]")
_MAX_WORDS: Final = 2_000
"""Of both texts, in which differences are looked for; 60 ms at most."""


class Part(NamedTuple):
    """A piece of text that both have, or one of them."""

    kind: Literal["same", "removed", "added"]
    text: str


def differing_words(before: str, after: str) -> Sequence[Part]:
    """The parts of both texts in order."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    middle_old, middle_new = old[start : len(old) - end], new[start : len(new) - end]
    parts = [Part("same", "".join(old[:start]))]
    if len(middle_old) + len(middle_new) > _MAX_WORDS:
        parts += [Part("removed", "".join(middle_old)), Part("added", "".join(middle_new))]
    else:
        matcher = SequenceMatcher(a=middle_old, b=middle_new, autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag == "equal":
                parts.append(Part("same", "".join(middle_old[a:b])))
            else:
                parts.append(Part("removed", "".join(middle_old[a:b])))
                parts.append(Part("added", "".join(middle_new[c:d])))
    parts.append(Part("same", "".join(old[len(old) - end :])))
    return [part for part in parts if part.text]


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """How many words from the start on are the same."""
    length = min(len(first), len(second))
    return next((n for n in range(length) if first[n] != second[n]), length)
