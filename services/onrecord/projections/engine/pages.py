"""What does a projection hear next?

Called by `catch_up` and by the audit's replay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from onrecord.domain.event import RecordedEvent
from onrecord.ledger import follow
from onrecord.ledger.follow import Part
from onrecord.projections.engine.projection import Projection


@dataclass(frozen=True)
class Page:
    """What a projection hears, and its checkpoint once that is folded."""

    heard: Sequence[Any]
    end: int


class Heard:
    """What was read last for a projection, for the next one that hears some of the same."""

    def __init__(self) -> None:
        self._types: frozenset[str] = frozenset()
        self._entries: dict[int, RecordedEvent] = {}

    def known(self, types: frozenset[str]) -> Mapping[int, RecordedEvent]:
        """By seq; nothing where another projection heard none of these types."""
        return {} if self._types.isdisjoint(types) else self._entries

    def keep(self, types: frozenset[str], heard: Sequence[RecordedEvent]) -> None:
        self._types, self._entries = types, {one.seq: one for one in heard}


def page(
    conn: Connection,
    projection: Projection,
    start: int,
    until: int,
    limit: int | None = None,
    part: Part | None = None,
    shared: Heard | None = None,
) -> Page:
    """What a projection hears from seq `start` on and below `until`, at most `limit` of it."""
    heard: Sequence[Any]
    if projection.hears is None:
        heard = follow.commits(conn, start, until, limit)
    else:
        known = shared.known(projection.hears) if shared else {}
        heard = follow.heard(conn, projection.hears, start, until, limit, part, known)
        if shared:
            shared.keep(projection.hears, heard)
    return Page(heard, heard[-1].seq + 1 if limit and len(heard) == limit else until)


def seqs(
    conn: Connection,
    projection: Projection,
    start: int,
    until: int,
    limit: int | None = None,
    part: Part | None = None,
) -> list[int]:
    """Where what such a page holds begins, one by one, even if none of it can be read."""
    if projection.hears is None:
        return [one.first for one in follow.commits(conn, start, until, limit)]
    return follow.seqs(conn, projection.hears, start, until, limit, part)
