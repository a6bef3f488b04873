"""What does a projection hear next?

Called by `catch_up` and by the audit's replay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from onrecord.ledger import follow
from onrecord.ledger.follow import Part
from onrecord.projections.projection import Projection


@dataclass(frozen=True)
class Page:
    """What a projection hears, and its checkpoint once that is folded."""

    heard: Sequence[Any]
    end: int


def page(
    conn: Connection,
    projection: Projection,
    start: int,
    until: int,
    limit: int | None = None,
    part: Part | None = None,
) -> Page:
    """What a projection hears from seq `start` on and below `until`, at most `limit` of it."""
    heard: Sequence[Any]
    if projection.hears is None:
        heard = follow.commits(conn, start, until, limit)
    else:
        heard = follow.heard(conn, projection.hears, start, until, limit, part)
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
