"""Freshness of the projections: the note of each sweep, and the rule by which they are stalled.

Used by the worker's tasks, which write the note, and by `projections.status`, which reads it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Column, Connection, DateTime, Table, Text, text

from onrecord.ledger.append import LOCK_KEY
from onrecord.projections.engine.projection import metadata

STALLED_AFTER: Final = timedelta(seconds=15)
"""Several times what a restart of a worker takes, and the sweep after it."""

sweeps = Table(
    "sweeps",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("complete_at", DateTime(timezone=True)),
)
"""One row: when a sweep last ran, and the last time of which a sweep knew that every entry recorded
until then was folded.
"""


def note_sweep(conn: Connection, name: str) -> None:
    """Note that a sweep ran. The transaction must begin with this call.

    Two statements: an entry that was recorded before the transaction began, and is not visible to
    the second statement, has a writer that holds the ledger's lock during the first.
    """
    writing = conn.execute(WRITER_HOLDS_LOCK, {"key": LOCK_KEY}).scalar_one()
    conn.execute(NOTE_SWEEP, {"name": name, "writing": writing})


WRITER_HOLDS_LOCK: Final = text("""
SELECT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (CAST(CAST(classid AS bigint) AS bit(32)) || CAST(CAST(objid AS bigint) AS bit(32)))
            = CAST(CAST(:key AS bigint) AS bit(64))
)
""")

NOTE_SWEEP: Final = text("""
INSERT INTO projections.sweeps AS s (name, at, complete_at)
SELECT :name, clock_timestamp(), CASE
    WHEN NOT CAST(:writing AS boolean)
        AND min(c.size) >= (SELECT coalesce(max(size), 0) FROM ledger.commits)
    THEN now()
END
FROM projections.checkpoints c
WHERE c.live
ON CONFLICT (name) DO UPDATE
SET at = excluded.at, complete_at = coalesce(excluded.complete_at, s.complete_at)
""")


def is_stalled(row: Mapping[str, Any]) -> bool:
    """Whether a projection has long been neither moved nor seen complete: a row of `STATUS`.

    So it has no worker, or cannot be folded. The age is absolute, as a clock may be set back.
    """
    times = [at for at in (row["moved_at"], row["complete_at"]) if at is not None]
    age: timedelta = min(abs(row["now"] - at) for at in times)
    return age > STALLED_AFTER
