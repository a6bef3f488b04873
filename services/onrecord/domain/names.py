"""Names of actors for readers. Used where a sentence or a delivery names an actor."""

from collections.abc import Mapping, Sequence


def display_name(names: Sequence[Mapping[str, str]], slug: str) -> str:
    """The first English name, else the first name, else the slug."""
    english = (entry["name"] for entry in names if entry["lang"] == "en")
    return next(english, names[0]["name"] if names else slug)
