"""When are two spellings of a name the same to someone who searches?"""

import unicodedata


def folded(name: str) -> str:
    """A name without case, accents and width: `Zelenskyy`, `ZELÉNSKYY` and `zelenskyy` are one.

    Unicode compatibility decomposition (UAX #15), marks dropped, then full case folding.
    """
    apart = unicodedata.normalize("NFKD", name)
    return "".join(one for one in apart if not unicodedata.combining(one)).casefold()
