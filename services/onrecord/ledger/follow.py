"""How does a follower read the ledger in order, page by page?

Followers keep their own checkpoint; this hands out the entries from one on. Writers are serialised
and `seq` is dense, so any snapshot is a prefix: nothing can appear later below what was read.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import Connection

from onrecord.domain.event import RecordedEvent
from onrecord.ledger import read

_NONE: Final[Mapping[int, RecordedEvent]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Commit:
    """Entries that were recorded at once: from seq `first` on, up to `seq`."""

    first: int
    seq: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """One of `of` parts of the ledger: all entries about a thing are in one of them."""

    number: int
    of: int


def entries(conn: Connection, start: int, limit: int) -> Sequence[RecordedEvent]:
    """Up to `limit` entries from seq `start` on, read on a SQLAlchemy connection."""
    return read.entries_from(driver(conn), start, limit)


def heard(
    conn: Connection,
    types: Collection[str],
    start: int,
    until: int,
    limit: int | None = None,
    part: Part | None = None,
    known: Mapping[int, RecordedEvent] = _NONE,
) -> Sequence[RecordedEvent]:
    """Up to `limit` entries of these types from seq `start` on and below `until`, in order.

    Those between them are not even looked at: rare types cost next to nothing. With a part, only
    those that are in it; to skip another costs a small part of what folding it would. What is
    `known`, by its seq, is not read again.
    """
    if not known:
        return read.entries_at(driver(conn), *_places(types, start, until, limit, part))
    places = seqs(conn, types, start, until, limit, part)
    new = [seq for seq in places if seq not in known]
    read_now = read.entries_at(driver(conn), read.THESE, {"seqs": new}) if new else []
    found = {one.seq: one for one in read_now}
    return [known.get(seq) or found[seq] for seq in places]


def seqs(
    conn: Connection,
    types: Collection[str],
    start: int,
    until: int,
    limit: int | None = None,
    part: Part | None = None,
) -> list[int]:
    """The places of the entries that `heard` gives, without reading them."""
    sql, asked = _places(types, start, until, limit, part)
    return [
        seq for (seq,) in driver(conn).execute(f"SELECT seq FROM ({sql}) s ORDER BY seq", asked)
    ]


def identity(conn: Connection, seq: int) -> tuple[UUID, str]:
    """The id and the type of the entry at this place, even if it cannot be read as an event."""
    return read.entry_identity(driver(conn), seq)


def commits(conn: Connection, start: int, until: int, limit: int | None) -> Sequence[Commit]:
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


def _places(
    types: Collection[str], start: int, until: int, limit: int | None, part: Part | None
) -> tuple[str, dict[str, Any]]:
    asked: dict[str, Any] = {"types": list(types), "start": start, "until": until, "limit": limit}
    if part is None:
        return read.OF_TYPES, asked
    return read.OF_PART, {**asked, "number": part.number, "of": part.of}


def size(conn: Connection) -> int:
    """The number of entries now."""
    return read.ledger_size(driver(conn))


def driver(conn: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection under a SQLAlchemy one, in the same transaction.

    One is begun here if there is none, as SQLAlchemy begins it for its own statements: of one that
    it does not know of it would commit nothing.
    """
    if not conn.in_transaction():
        conn.begin()
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw
