"""Freshness of the projections: the note of each sweep, and the rule by which one is stalled.

Used by the worker's tasks, which write the note, and by `projections.status`, which reads it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, Connection, DateTime, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from onrecord.ledger.append import LOCK_KEY
from onrecord.projections.clock import NAME as CLOCK
from onrecord.projections.engine.projection import metadata

STALLED_AFTER: Final = timedelta(seconds=15)
"""Several times what a restart of a worker takes, and the sweep after it."""

sweeps = Table(
    "sweeps",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("waiting", JSONB, nullable=False, server_default=text("'{}'")),
    Column("complete_at", DateTime(timezone=True)),
)
"""One row. `at`: when a sweep last ran. `waiting`: for each projection that was behind then, when
the first entry that it had not folded was recorded. `complete_at`: every entry recorded up to then
is in the clock.
"""


def note_sweep(conn: Connection) -> None:
    """Note that a sweep ran. The transaction must begin with this call.

    Two statements: an entry that was recorded before the transaction began, and is not visible to
    the second statement, has a writer that holds the ledger's lock during the first.
    """
    writing = conn.execute(WRITER_HOLDS_LOCK, {"key": LOCK_KEY}).scalar_one()
    conn.execute(NOTE_SWEEP, {"writing": writing, "clock": CLOCK})


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
WITH behind AS (
    SELECT c.name, first_waiting.recorded_at
    FROM projections.checkpoints c, LATERAL (
        SELECT recorded_at FROM ledger.commits WHERE size > c.size ORDER BY size LIMIT 1
    ) first_waiting
    WHERE c.live
)
INSERT INTO projections.sweeps AS s (name, at, waiting, complete_at)
SELECT 'sweep', clock_timestamp(),
    coalesce(jsonb_object_agg(behind.name, behind.recorded_at)
        FILTER (WHERE behind.name IS NOT NULL), '{}'),
    CASE WHEN NOT CAST(:writing AS boolean)
        AND coalesce(bool_and(behind.name <> CAST(:clock AS text)), true) THEN now() END
FROM behind
ON CONFLICT (name) DO UPDATE SET at = excluded.at, waiting = excluded.waiting,
    complete_at = coalesce(excluded.complete_at, s.complete_at)
""")


def is_stalled(row: Mapping[str, Any]) -> bool:
    """Whether a projection is no longer kept up to date, by its row of `STATUS`.

    So it is where no sweep runs, or where an entry waits for it and it does not move. Ages are
    absolute, as the clock may have been set back.
    """
    swept_at = row["swept_at"] or row["moved_at"]
    if abs(row["now"] - swept_at) > STALLED_AFTER:
        return True
    waiting = (row["waiting"] or {}).get(row["name"])
    if waiting is None:
        return False
    times = (datetime.fromisoformat(waiting), row["moved_at"])
    age: timedelta = min(abs(row["now"] - at) for at in times)
    return age > STALLED_AFTER
