"""Prometheus metrics of deliveries, for `/metrics`.

Read from the tables at each scrape. Attempts are counted by the deliverers, in the statement that
records them (`tallies`), because counting the log would read all of it.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from sqlalchemy import text

from onrecord.kit.sql.db import Pool, fetch_all

_COUNTS: Final = text("""
SELECT coalesce(sum(delivered), 0)::bigint AS delivered,
    coalesce(sum(failed), 0)::bigint AS failed,
    coalesce(sum(unknown), 0)::bigint AS unknown,
    coalesce(sum(given_up), 0)::bigint AS given_up,
    (SELECT count(*) FROM webhooks.deliveries WHERE state = 'pending') AS pending,
    (SELECT count(*) FROM webhooks.deliveries WHERE state = 'sending') AS sending,
    (SELECT count(*) FROM webhooks.endpoints WHERE deleted_at IS NULL) AS endpoints,
    (SELECT count(*) FROM webhooks.endpoints
        WHERE deleted_at IS NULL AND paused_at IS NOT NULL AND paused_by = 'onrecord')
        AS paused_by_us,
    (SELECT count(*) FROM webhooks.endpoints
        WHERE deleted_at IS NULL AND paused_at IS NOT NULL AND paused_by <> 'onrecord')
        AS paused_by_clients
FROM webhooks.tallies
""")
# How long the oldest delivery has been due, found endpoint by endpoint through an index. A first
# attempt (lane 0) is due since it was queued or resent, a retry (lane 1) from `next_attempt_at` on.
_LAG: Final = text("""
WITH RECURSIVE waiting AS (
    (SELECT endpoint FROM webhooks.deliveries WHERE state = 'pending'
    ORDER BY endpoint LIMIT 1)
    UNION ALL
    SELECT d.endpoint FROM waiting w CROSS JOIN LATERAL (
        SELECT endpoint FROM webhooks.deliveries
        WHERE state = 'pending' AND endpoint > w.endpoint ORDER BY endpoint LIMIT 1) d
)
SELECT greatest(0, extract(epoch FROM clock_timestamp() - min(since)))::float8 AS lag,
    (SELECT coalesce(max(size), 0) FROM ledger.commits)
        - (SELECT size FROM webhooks.checkpoints WHERE name = 'fan_out') AS behind
FROM waiting w
JOIN webhooks.endpoints e ON e.id = w.endpoint AND e.paused_at IS NULL
    AND e.deleted_at IS NULL
CROSS JOIN LATERAL (
    (SELECT coalesce(next_attempt_at, made_at) AS since FROM webhooks.deliveries
    WHERE endpoint = e.id AND state = 'pending' AND lane = 0 ORDER BY seq LIMIT 1)
    UNION ALL
    (SELECT made_at FROM webhooks.deliveries
    WHERE endpoint = e.id AND state = 'pending' AND lane = 0 AND next_attempt_at IS NULL
    ORDER BY seq LIMIT 1)
    UNION ALL
    (SELECT next_attempt_at FROM webhooks.deliveries
    WHERE endpoint = e.id AND state = 'pending' AND lane = 1
    ORDER BY next_attempt_at LIMIT 1)
) due
""")


async def delivery_metrics(pool: Pool) -> Sequence[Metric]:
    """All metrics of this package."""
    (count,) = await fetch_all(pool, _COUNTS, {})
    (lag,) = await fetch_all(pool, _LAG, {})
    attempts = CounterMetricFamily(
        "onrecord_webhook_attempts",
        "Attempts to deliver, by result; unknown: the process ended before it knew.",
        labels=["result"],
    )
    for result in ("delivered", "failed", "unknown"):
        attempts.add_metric([result], count[result])
    given_up = CounterMetricFamily(
        "onrecord_webhook_deliveries_given_up", "Deliveries whose retries are used up."
    )
    given_up.add_metric([], count["given_up"])
    paused = GaugeMetricFamily(
        "onrecord_webhook_endpoints_paused", "Endpoints that are paused, by whom.", labels=["by"]
    )
    paused.add_metric(["onrecord"], count["paused_by_us"])
    paused.add_metric(["people"], count["paused_by_clients"])
    return (
        attempts,
        given_up,
        paused,
        _gauge("deliveries_pending", "Deliveries that wait for an attempt.", count["pending"]),
        _gauge("deliveries_in_flight", "Deliveries that are being sent.", count["sending"]),
        _gauge("endpoints", "Endpoints, those that are paused too.", count["endpoints"]),
        _gauge(
            "oldest_due_seconds",
            "How long the oldest delivery has been due that no pause holds back.",
            lag["lag"] or 0.0,
        ),
        _gauge("events_behind", "Events on record that are not fanned out yet.", lag["behind"]),
    )


def _gauge(name: str, description: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"onrecord_webhook_{name}", description, value=value)
