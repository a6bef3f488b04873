"""Health of endpoints: failure counts, probes, and automatic pauses.

Run by the deliverer with the results of a moment. A success resets an endpoint. Consecutive
failures close it except for probes (`claim`), and a `Retry-After` closes it for as long as it says.
It is paused if its receiver answers 410, if an ordered delivery has used up its retries, or if
nothing has succeeded for five days; its deliveries stay pending until it resumes.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import text
from yarl import URL

from onrecord.kit.sql.db import compiled
from onrecord.webhooks.delivery.backoff import PAUSE_AFTER
from onrecord.webhooks.delivery.claim import PROBE_AFTER_FAILURES
from onrecord.webhooks.delivery.connection import DelivererConnection
from onrecord.webhooks.delivery.results import DeliveryResult
from onrecord.webhooks.tables import PING

log = structlog.get_logger()

PROBE_INTERVAL: Final = timedelta(seconds=5)  # after a failure of an endpoint that is probed

_UPDATE: Final = text("""
WITH results AS (
    SELECT * FROM unnest(CAST(:endpoint AS uuid[]), CAST(:ok AS bool[]), CAST(:failed AS int[]),
        CAST(:pause_reason AS text[]), CAST(:closed_for AS interval[]))
        AS t (endpoint, ok, failed, pause_reason, closed_for)
), locked AS (
    SELECT e.id, CASE
        WHEN r.pause_reason IS NOT NULL THEN r.pause_reason
        WHEN NOT r.ok AND e.failing_since < clock_timestamp() - CAST(:pause_after AS interval)
            THEN 'Nothing has succeeded for five days.' END AS pause_reason
    FROM webhooks.endpoints e JOIN results r ON r.endpoint = e.id ORDER BY e.id FOR UPDATE OF e
)
UPDATE webhooks.endpoints e SET
    failures = CASE WHEN r.ok THEN 0 ELSE e.failures + r.failed END,
    failing_since = CASE WHEN NOT r.ok THEN coalesce(e.failing_since, clock_timestamp()) END,
    probe_at = CASE WHEN NOT r.ok THEN greatest(e.probe_at, clock_timestamp() + r.closed_for,
        CASE WHEN e.failures + r.failed >= CAST(:probe_after_failures AS int)
            THEN clock_timestamp() + CAST(:probe_interval AS interval) END
    ) END,
    paused_at = coalesce(e.paused_at,
        CASE WHEN l.pause_reason IS NOT NULL THEN clock_timestamp() END),
    paused_by = CASE WHEN e.paused_at IS NULL AND l.pause_reason IS NOT NULL THEN 'onrecord'
        ELSE e.paused_by END,
    paused_reason = CASE WHEN e.paused_at IS NULL THEN l.pause_reason ELSE e.paused_reason END,
    from_seq = CASE WHEN e.paused_at IS NULL AND l.pause_reason IS NOT NULL
        THEN coalesce(e.from_seq,
            (SELECT size FROM webhooks.checkpoints WHERE name = 'fan_out'))
        ELSE e.from_seq END
FROM results r, locked l, webhooks.endpoints before
WHERE r.endpoint = e.id AND l.id = e.id AND before.id = e.id
RETURNING e.id, e.url, e.failures, CASE WHEN before.paused_at IS NULL THEN e.paused_reason END
""")


async def update_health(conn: DelivererConnection, results: Sequence[DeliveryResult]) -> None:
    """Apply results to the health of their endpoints. Healthy endpoints are not written."""
    by_endpoint = _by_endpoint(results)
    if not by_endpoint["endpoint"]:
        return
    limits = {
        "pause_after": PAUSE_AFTER,
        "probe_after_failures": PROBE_AFTER_FAILURES,
        "probe_interval": PROBE_INTERVAL,
    }
    cursor = await conn.execute(compiled(_UPDATE), {**by_endpoint, **limits}, prepare=True)
    for id_, url, failures, reason in await cursor.fetchall():
        if reason is not None:
            log.warning(
                "an endpoint is paused",
                endpoint=str(id_),
                receiver=URL(url).host,  # the rest of an address often is a password
                reason=reason,
                failures=failures,
            )


def _by_endpoint(results: Sequence[DeliveryResult]) -> dict[str, list[Any]]:
    ok: dict[UUID, bool] = {}
    failed: dict[UUID, int] = {}
    pause_reason: dict[UUID, str | None] = {}
    closed_for: dict[UUID, timedelta | None] = {}
    for result in results:
        id_ = result.delivery.endpoint
        if result.ok and not result.delivery.failures and id_ not in failed:
            continue  # healthy before and after
        if not result.ok and result.delivery.lane == PING:
            continue  # a failed test says nothing about health
        ok[id_] = ok.get(id_, False) or result.ok
        failed[id_] = failed.get(id_, 0) + (not result.ok)
        pause_reason[id_] = pause_reason.get(id_) or result.pause_reason
        both = (closed_for.get(id_), result.closed_for)
        closed_for[id_] = max(both, key=lambda period: period or timedelta(0))
    return {
        "endpoint": list(ok),
        "ok": list(ok.values()),
        "failed": [failed[id_] for id_ in ok],
        "pause_reason": [pause_reason[id_] for id_ in ok],
        "closed_for": [closed_for[id_] for id_ in ok],
    }
