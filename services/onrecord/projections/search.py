"""Search columns of statements, actors and topics: text that is found as people type it.

Used by the folds of these projections. PostgreSQL computes the columns, by functions of the schema
`projections` that it also applies to what is typed. What is stored as given stays so.
"""

from collections.abc import Iterable
from typing import Final

SEARCHABLE: Final = "projections.searchable(doc)"
"""The words of a statement's document as a text search vector, stemmed by the document's `lang`."""

BARE_TEXTS: Final = "projections.bare_texts(doc)"
"""The words of a statement's document and of its original, folded as for searches, without
punctuation."""

FOLDED_SPELLINGS: Final = "projections.folded(spellings)"
"""Spellings of names without case, accents, width and stray blanks."""

_SEPARATOR: Final = "\x1f"
"""ASCII's unit separator. Folding keeps it, so no search matches across two spellings."""


def join_spellings(spellings: Iterable[str]) -> str:
    """The spellings of an actor or topic in one column."""
    return _SEPARATOR.join(spellings)
