"""Paths of pages about what is on record. Used by feeds and forms."""

from urllib.parse import quote


def timeline_path(actor: str, topic: str) -> str:
    """The page of an actor on a topic."""
    return f"/actors/{quote(actor, safe='')}/topics/{quote(topic, safe='')}"
