"""How does a follower read the ledger in order, page by page?

Followers keep their own checkpoint; this hands out the entries from one on. Writers are serialised
and `seq` is dense, so any snapshot is a prefix: nothing can appear later below what was read.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection

from onrecord.domain.events import Recorded
from onrecord.ledger import read
from onrecord.ledger.read import entries_from


def page(conn: Connection, start: int, limit: int) -> Sequence[Recorded]:
    """Up to `limit` entries from seq `start` on, read on a SQLAlchemy connection."""
    return entries_from(_psycopg(conn), start, limit)


def size(conn: Connection) -> int:
    """The number of entries now."""
    return read.size(_psycopg(conn))


def _psycopg(conn: Connection) -> psycopg.Connection[Any]:
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw
