"""Small reads of the ledger: its size, the kind of an entity.

Called by the APIs (the queries, through `kit.sql.db`) and by followers (`ledger_size`).
"""

from typing import Any, Final

import psycopg
from sqlalchemy import text

SIZE: Final = text("SELECT coalesce(max(size), 0) AS size FROM ledger.commits")
"""The number of entries."""

KIND: Final = text("SELECT kind FROM ledger.ids WHERE id = CAST(:id AS uuid)")
"""The kind of an entity; no row where there is no such entity."""


def ledger_size(conn: psycopg.Connection[Any]) -> int:
    """The number of entries, on a sync connection."""
    row = conn.execute("SELECT size FROM ledger.commits ORDER BY size DESC LIMIT 1").fetchone()
    return row[0] if row else 0
