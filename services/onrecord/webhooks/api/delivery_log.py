"""Delivery log of an endpoint: queries over deliveries and attempts, and resends.

Run by the routes of the webhooks API.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from onrecord.kit.sql.db import Pool, Row, fetch_all
from onrecord.webhooks.api.endpoints import execute_once
from onrecord.webhooks.api.responses import Attempt, Delivery
from onrecord.webhooks.tables import PING

STATES: Final = ("pending", "sending", "delivered", "failed")

# Deliveries with their attempts, the newest first: those of :endpoint in :states below :before, or
# the one of :id. `held_by` is the earlier delivery that one of an ordered endpoint waits for; lanes
# 0, 1 and 2 are those of events (3 is of pings).
_DELIVERIES: Final = text("""
WITH page AS (
    SELECT d.* FROM unnest(CAST(:states AS text[])) s (state) CROSS JOIN LATERAL (
        SELECT * FROM webhooks.deliveries
        WHERE endpoint = CAST(:endpoint AS uuid) AND state = s.state
            AND id < CAST(:before AS bigint)
        ORDER BY id DESC LIMIT CAST(:limit AS bigint)
    ) d
    UNION ALL
    SELECT * FROM webhooks.deliveries WHERE id = CAST(:id AS bigint)
    ORDER BY id DESC LIMIT CAST(:limit AS bigint)
)
SELECT page.*, e.ordered, h.held_by, a.attempts AS logged
FROM page JOIN webhooks.endpoints e ON e.id = page.endpoint AND e.deleted_at IS NULL
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('number', number, 'began_at', began_at, 'ok', ok,
        'seconds', seconds, 'status', status, 'error', error,
        'answer', encode(answer, 'hex')) ORDER BY number) AS attempts
    FROM webhooks.attempts WHERE delivery = page.id
) a ON true
LEFT JOIN LATERAL (
    SELECT first.id AS held_by FROM (
        (SELECT id, seq FROM webhooks.deliveries
        WHERE endpoint = page.endpoint AND state = 'sending' AND seq IS NOT NULL)
        UNION ALL
        SELECT d.id, d.seq FROM unnest('{0,1,2}'::smallint[]) lanes (lane) CROSS JOIN LATERAL (
            SELECT id, seq FROM webhooks.deliveries
            WHERE endpoint = page.endpoint AND state = 'pending' AND lane = lanes.lane
            ORDER BY seq LIMIT 1) d
    ) first
    WHERE e.ordered AND page.state = 'pending' AND first.seq < page.seq
    ORDER BY first.seq LIMIT 1
) h ON true
ORDER BY page.id DESC
""")

# Lanes of what is due again: a ping stays one (3), what is pending is a retry (1), the rest is a
# first attempt (0). Attempts stay in the log.
_RESEND: Final = text("""
UPDATE webhooks.deliveries SET state = 'pending', tries = 0, ended_at = NULL,
    lane = CASE WHEN lane = 3 THEN 3 WHEN state = 'pending' THEN 1 ELSE 0 END,
    next_attempt_at = clock_timestamp()
WHERE id = CAST(:id AS bigint) AND state <> 'sending' RETURNING id
""")
# Of the deliveries of :endpoint above :after, the next that failed from :since to :until, for good
# (failed) or with a retry to come (pending, lane 1); in `resent`, how many of them are due again. A
# delivery that is being claimed at this moment is sent anyway, and is none of them.
_RESEND_FAILED: Final = text("""
WITH page AS (
    SELECT d.id, d.state FROM unnest('{failed,pending}'::text[]) s (state) CROSS JOIN LATERAL (
        SELECT id, state FROM webhooks.deliveries
        WHERE endpoint = CAST(:endpoint AS uuid) AND state = s.state
            AND id > CAST(:after AS bigint) AND CASE s.state
                WHEN 'failed' THEN lane <> 3 AND ended_at >= :since AND ended_at < :until
                ELSE lane = 1 AND EXISTS (SELECT FROM webhooks.attempts a
                    WHERE a.delivery = deliveries.id AND a.number = deliveries.attempts
                        AND a.began_at + coalesce(a.seconds, 0) * interval '1 second' >= :since)
            END
        ORDER BY id LIMIT 10000
    ) d
    ORDER BY d.id LIMIT 10000
), locked AS (
    SELECT d.id FROM page JOIN webhooks.deliveries d ON d.id = page.id AND d.state = page.state
    FOR UPDATE OF d SKIP LOCKED
), resent AS (
    UPDATE webhooks.deliveries d SET state = 'pending', tries = 0, ended_at = NULL,
        lane = CASE WHEN d.state = 'pending' THEN 1 ELSE 0 END,
        next_attempt_at = clock_timestamp()
    FROM locked WHERE d.id = locked.id RETURNING 1
)
SELECT (SELECT max(id) FROM page) AS last, (SELECT count(*) FROM resent) AS resent
""")

_RESULTS: Final = {True: "delivered", False: "failed", None: "unknown"}


async def select_deliveries(
    pool: Pool, *, endpoint: UUID, states: tuple[str, ...], before: int, limit: int
) -> list[Row]:
    """Deliveries of an endpoint in these states with ids below `before`, the newest first."""
    params = {"endpoint": endpoint, "states": list(states), "before": before, "limit": limit}
    return [*await fetch_all(pool, _DELIVERIES, {**params, "id": None})]


async def read_delivery(pool: Pool, id_: int) -> Row | None:
    """A delivery; None if there is none, or its endpoint is deleted."""
    params: dict[str, Any] = {"endpoint": None, "states": [], "before": 0, "id": id_, "limit": 1}
    deliveries = await fetch_all(pool, _DELIVERIES, params)
    return deliveries[0] if deliveries else None


async def requeue_delivery(pool: Pool, id_: int) -> bool:
    """Make a delivery due at once, whatever its state; False while it is being sent."""
    return bool(await execute_once(pool, _RESEND, {"id": id_}))


async def requeue_failed(pool: Pool, endpoint: UUID, since: datetime) -> int:
    """Make due the deliveries that failed from `since` until now, for good or with retries left.

    Returns how many.
    """
    period = {"endpoint": endpoint, "since": since, "until": datetime.now(UTC)}
    resent = 0
    after: int | None = 0
    while after is not None:
        (page,) = await execute_once(pool, _RESEND_FAILED, {**period, "after": after})
        resent, after = resent + page["resent"], page["last"]
    return resent


def delivery_out(row: Mapping[str, Any]) -> Delivery:
    """The response model of a row of these queries."""
    attempts = [_attempt_out(attempt) for attempt in row["logged"] or ()]
    if row["state"] == "sending":
        started = {"number": row["attempts"] + 1, "began_at": row["leased_at"]}
        nothing = dict.fromkeys(("seconds", "status", "error", "answer"))
        attempts.append(Attempt.model_validate({**started, **nothing, "result": "under way"}))
    columns = {name: row[name] for name in Delivery.model_fields if name in row}
    kind = "ping" if row["lane"] == PING else "event"
    return Delivery(**{**columns, "kind": kind, "attempts": attempts})


def _attempt_out(attempt: Mapping[str, Any]) -> Attempt:
    answer = attempt["answer"] and bytes.fromhex(attempt["answer"]).decode("utf-8", "replace")
    result = {"result": _RESULTS[attempt["ok"]], "answer": answer}
    return Attempt.model_validate({**attempt, **result})
