"""Results of attempts: recorded for claimed deliveries, and deliveries whose lease expired.

Run by the deliverer. Both statements write only what no other process has claimed since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from onrecord.kit.sql.db import compiled
from onrecord.webhooks.delivery.claim import ClaimedDelivery
from onrecord.webhooks.delivery.connection import DelivererConnection


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """The result of an attempt, and what follows from it.

    `retry_in`: until the next attempt; None if there is none. `keep_pending`: the delivery stays,
    to be tried anew when its endpoint resumes. `pause_reason`: the endpoint is to be paused.
    `closed_for`: how long the receiver asks to be sent nothing. `last_erasure`: the seq of the last
    erasure when the body was rendered; None if there was none.
    """

    delivery: ClaimedDelivery
    ok: bool
    status: int | None
    error: str | None
    answer: bytes
    seconds: float
    retry_in: timedelta | None
    keep_pending: bool = False
    pause_reason: str | None = None
    closed_for: timedelta | None = None
    last_erasure: int | None = None


# Only of deliveries that are still leased to this process. Lanes: 1 retry, 3 ping. An answer may
# repeat what was sent: where anything was erased in the meantime, no answer is kept.
_RECORD: Final = text("""
WITH results AS (
    SELECT * FROM unnest(CAST(:id AS bigint[]), CAST(:lease AS bigint[]), CAST(:ok AS bool[]),
        CAST(:status AS int2[]), CAST(:error AS text[]), CAST(:answer AS bytea[]),
        CAST(:seconds AS float4[]), CAST(:retry_in AS interval[]), CAST(:keep_pending AS bool[]),
        CAST(:last_erasure AS bigint[]))
        AS t (id, lease, ok, status, error, answer, seconds, retry_in, keep_pending, last_erasure)
), done AS (
    UPDATE webhooks.deliveries d SET
        state = CASE WHEN r.ok THEN 'delivered'
            WHEN r.retry_in IS NULL AND NOT r.keep_pending THEN 'failed' ELSE 'pending' END,
        lane = CASE WHEN r.ok OR d.lane = 3 THEN d.lane ELSE 1 END,
        tries = CASE WHEN r.keep_pending THEN 0 ELSE d.tries + 1 END,
        attempts = d.attempts + 1,
        next_attempt_at = CASE WHEN r.ok THEN NULL WHEN r.keep_pending THEN clock_timestamp()
            ELSE clock_timestamp() + r.retry_in END,
        ended_at = CASE WHEN r.ok OR (r.retry_in IS NULL AND NOT r.keep_pending)
            THEN clock_timestamp() END,
        lease = NULL, lease_until = NULL, leased_at = NULL
    FROM results r, webhooks.deliveries before
    WHERE d.id = r.id AND d.state = 'sending' AND d.lease = r.lease AND before.id = d.id
    RETURNING d.id, d.seq, before.lease, d.state, d.attempts, before.leased_at
), counted AS (
    INSERT INTO webhooks.tallies AS t (deliverer, delivered, failed, given_up)
    SELECT CAST(:deliverer AS uuid), count(*) FILTER (WHERE state = 'delivered'),
        count(*) FILTER (WHERE state <> 'delivered'), count(*) FILTER (WHERE state = 'failed')
    FROM done
    ON CONFLICT (deliverer) DO UPDATE SET delivered = t.delivered + excluded.delivered,
        failed = t.failed + excluded.failed, given_up = t.given_up + excluded.given_up
), logged AS (
    INSERT INTO webhooks.attempts (delivery, number, began_at, seconds, ok, status, error, answer)
    SELECT id, d.attempts, d.leased_at, r.seconds, r.ok, r.status, r.error,
        CASE WHEN d.seq IS NULL OR r.last_erasure IS NOT DISTINCT FROM (SELECT max(seq)
            FROM ledger.touches WHERE kind = 'type' AND name = 'payload.erased') THEN r.answer END
    FROM done d JOIN results r USING (id, lease)
)
SELECT id FROM done
""")
# Whether the receiver got these is unknown, because their deliverer ended; the log says so.
_RECLAIM: Final = text("""
WITH expired AS (
    SELECT id, leased_at FROM webhooks.deliveries
    WHERE state = 'sending' AND lease_until < clock_timestamp() LIMIT 1000 FOR UPDATE SKIP LOCKED
), reclaimed AS (
    UPDATE webhooks.deliveries d SET state = 'pending', tries = d.tries + 1,
        attempts = d.attempts + 1, next_attempt_at = clock_timestamp(),
        lease = NULL, lease_until = NULL, leased_at = NULL
    FROM expired WHERE d.id = expired.id
    RETURNING d.id, d.attempts, expired.leased_at
), counted AS (
    INSERT INTO webhooks.tallies AS t (deliverer, unknown)
    SELECT CAST(:deliverer AS uuid), count(*) FROM reclaimed HAVING count(*) > 0
    ON CONFLICT (deliverer) DO UPDATE SET unknown = t.unknown + excluded.unknown
)
INSERT INTO webhooks.attempts (delivery, number, began_at)
SELECT id, attempts, leased_at FROM reclaimed
""")


async def record_results(
    conn: DelivererConnection, deliverer: UUID, results: Sequence[DeliveryResult]
) -> int:
    """Record results; returns how many of the deliveries were still leased to this process."""
    params: dict[str, Any] = {
        "deliverer": deliverer,
        "id": [result.delivery.id for result in results],
        "lease": [result.delivery.lease for result in results],
        "ok": [result.ok for result in results],
        "status": [result.status for result in results],
        "error": [result.error for result in results],
        "answer": [result.answer for result in results],
        "seconds": [result.seconds for result in results],
        "retry_in": [result.retry_in for result in results],
        "keep_pending": [result.keep_pending for result in results],
        "last_erasure": [result.last_erasure for result in results],
    }
    return (await conn.execute(compiled(_RECORD), params, prepare=True)).rowcount


async def reclaim_expired(conn: DelivererConnection, deliverer: UUID) -> int:
    """Make deliveries due again whose lease expired; returns how many."""
    params = {"deliverer": deliverer}
    return (await conn.execute(compiled(_RECLAIM), params, prepare=True)).rowcount
