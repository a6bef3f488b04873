"""Names of actors in sentences. Used by `findings`."""

from collections.abc import Mapping, Sequence


def actor_name(names: Sequence[Mapping[str, str]] | None, slug: str) -> str:
    """The first English name, else the first one, else the slug."""
    names = names or ()
    english = (entry["name"] for entry in names if entry["lang"] == "en")
    return next(english, None) or (names[0]["name"] if names else slug)
