"""How does a follower read the ledger in order, page by page?

Followers keep their own checkpoint; this hands out the entries from one on. Writers are serialised
and `seq` is dense, so any snapshot is a prefix: nothing can appear later below what was read.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection

from onrecord.domain.events import Recorded
from onrecord.ledger import read


@dataclass(frozen=True, slots=True)
class Commit:
    """Entries that were recorded at once: from seq `first` on, up to `seq`."""

    first: int
    seq: int
    recorded_at: datetime


def page(conn: Connection, start: int, limit: int) -> Sequence[Recorded]:
    """Up to `limit` entries from seq `start` on, read on a SQLAlchemy connection."""
    return read.entries_from(driver(conn), start, limit)


def heard(
    conn: Connection, types: Collection[str], start: int, until: int, limit: int
) -> Sequence[Recorded]:
    """Up to `limit` entries of these types from seq `start` on and below `until`, in order.

    Those between them are not even looked at: rare types cost next to nothing.
    """
    return read.entries_of(driver(conn), types, start, until, limit)


def commits(conn: Connection, start: int, until: int, limit: int) -> Sequence[Commit]:
    """When the entries from seq `start` on and below `until` were recorded, without reading them.

    The first and the last of at most `limit` may be parts of a commit.
    """
    found = (
        driver(conn)
        .cursor(binary=True)
        .execute(
            "SELECT size, recorded_at FROM ledger.commits WHERE size > %s ORDER BY size LIMIT %s",
            [start, limit],
        )
    )
    made, first = list[Commit](), start
    for size, recorded_at in found:
        if first >= until:
            break
        made.append(Commit(first, min(size, until) - 1, recorded_at))
        first = size
    return made


def size(conn: Connection) -> int:
    """The number of entries now."""
    return read.size(driver(conn))


def driver(conn: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection under a SQLAlchemy one, in the same transaction."""
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw
