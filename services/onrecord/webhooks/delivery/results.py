"""What came of what was claimed?

The deliverer's other two statements: record results, and take back what a lease ran out on. Both
write only what nobody else has claimed since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from onrecord.webhooks.delivery.claim import Claimed, Connection
from onrecord.webhooks.tables import PING, RETRY


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt. `again`: how long until the next one; None: there is none."""

    claimed: Claimed
    ok: bool
    status: int | None
    error: str | None
    answer: bytes
    seconds: float
    again: timedelta | None
    keep: bool = False
    """It stays, to be tried anew when its endpoint resumes; `pause` says why that is paused."""
    pause: str | None = None
    quiet: timedelta | None = None
    """How long the receiver asks to be left alone."""


_RECORD: Final = f"""
WITH told AS (
    SELECT * FROM unnest(%(id)b::bigint[], %(lease)b::bigint[], %(ok)b::bool[],
        %(status)b::int2[], %(error)b::text[], %(answer)b::bytea[], %(seconds)b::float4[],
        %(again)b::interval[], %(keep)b::bool[])
        AS t (id, lease, ok, status, error, answer, seconds, again, keep)
), done AS (
    UPDATE webhooks.deliveries d SET
        state = CASE WHEN t.ok THEN 'delivered' WHEN t.again IS NULL AND NOT t.keep THEN 'failed'
            ELSE 'pending' END,
        lane = CASE WHEN t.ok OR d.lane = {PING} THEN d.lane ELSE {RETRY} END,
        tries = CASE WHEN t.keep THEN 0 ELSE d.tries + 1 END,
        attempts = d.attempts + 1,
        next_attempt_at = CASE WHEN t.ok THEN NULL WHEN t.keep THEN clock_timestamp()
            ELSE clock_timestamp() + t.again END,
        ended_at = CASE WHEN t.ok OR (t.again IS NULL AND NOT t.keep) THEN clock_timestamp() END,
        lease = NULL, lease_until = NULL, leased_at = NULL
    FROM told t, webhooks.deliveries was
    WHERE d.id = t.id AND d.state = 'sending' AND d.lease = t.lease AND was.id = d.id
    RETURNING d.id, d.seq, was.lease, d.state, d.attempts, was.leased_at
), told_of AS (
    INSERT INTO webhooks.tallies AS t (deliverer, delivered, failed, given_up)
    SELECT %(deliverer)b::uuid, count(*) FILTER (WHERE state = 'delivered'),
        count(*) FILTER (WHERE state <> 'delivered'), count(*) FILTER (WHERE state = 'failed')
    FROM done
    ON CONFLICT (deliverer) DO UPDATE SET delivered = t.delivered + excluded.delivered,
        failed = t.failed + excluded.failed, given_up = t.given_up + excluded.given_up
), kept AS (
    INSERT INTO webhooks.attempts (delivery, number, began_at, seconds, ok, status, error, answer)
    SELECT id, d.attempts, d.leased_at, t.seconds, t.ok, t.status, t.error,
        CASE WHEN NOT EXISTS (SELECT FROM ledger.erased x WHERE x.seq = d.seq) THEN t.answer END
    FROM done d JOIN told t USING (id, lease)
)
SELECT id FROM done
"""
"""Results of the deliveries that are still ours. An answer may repeat what was sent: where that was
erased meanwhile, none is kept.
"""


async def record(conn: Connection, deliverer: UUID, results: Sequence[Result]) -> int:
    """Keep what came of attempts; how many of these deliveries were still ours."""
    told: dict[str, Any] = {
        "deliverer": deliverer,
        "id": [one.claimed.id for one in results],
        "lease": [one.claimed.lease for one in results],
        "ok": [one.ok for one in results],
        "status": [one.status for one in results],
        "error": [one.error for one in results],
        "answer": [one.answer for one in results],
        "seconds": [one.seconds for one in results],
        "again": [one.again for one in results],
        "keep": [one.keep for one in results],
    }
    cursor = conn.cursor(binary=True)
    await cursor.execute(_RECORD.encode(), told, prepare=True)
    return cursor.rowcount


_TAKE_BACK: Final = """
WITH lost AS (
    SELECT id, leased_at FROM webhooks.deliveries
    WHERE state = 'sending' AND lease_until < clock_timestamp() LIMIT 1000 FOR UPDATE SKIP LOCKED
), back AS (
    UPDATE webhooks.deliveries d SET state = 'pending', tries = d.tries + 1,
        attempts = d.attempts + 1, next_attempt_at = clock_timestamp(),
        lease = NULL, lease_until = NULL, leased_at = NULL
    FROM lost WHERE d.id = lost.id
    RETURNING d.id, d.attempts, lost.leased_at
), counted AS (
    INSERT INTO webhooks.tallies AS t (deliverer, unknown)
    SELECT %(deliverer)b::uuid, count(*) FROM back HAVING count(*) > 0
    ON CONFLICT (deliverer) DO UPDATE SET unknown = t.unknown + excluded.unknown
)
INSERT INTO webhooks.attempts (delivery, number, began_at)
SELECT id, attempts, leased_at FROM back
"""


async def take_back(conn: Connection, deliverer: UUID) -> int:
    """Make due again what a lease ran out on: its deliverer ended, and whether the receiver has it
    nobody knows. The log says so. How many there were.
    """
    asked = {"deliverer": deliverer}
    return (await conn.execute(_TAKE_BACK.encode(), asked, prepare=True)).rowcount
