"""Spellings of names for search: case, accents and width do not count."""

import unicodedata


def fold_spelling(name: str) -> str:
    """A name without case, accents and width: the same for `Zelenskyy`, `ZELÉNSKYY`, `zelenskyy`.

    Unicode compatibility decomposition (UAX #15), marks dropped, then full case folding.
    """
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
