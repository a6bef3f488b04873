"""Claims: due deliveries taken under a lease.

Run by the deliverer. Claims of all processes take turns under one lock, because the number in
flight for an endpoint is counted from the rows. A claim visits endpoints with pending deliveries
one after another, so a backlog for one endpoint is never read to find another's deliveries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.rows import namedtuple_row
from sqlalchemy import text

from onrecord.kit.sql.db import compiled
from onrecord.webhooks.delivery.connection import DelivererConnection
from onrecord.webhooks.tables import LOWEST_ID

MAX_IN_FLIGHT: Final = 8  # for one endpoint, over all processes
PROBE_AFTER_FAILURES: Final = 5  # consecutive; then an endpoint gets one delivery at a time
MAX_CANDIDATES: Final = 320  # endpoints that one claim visits: as many as a process has room for


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that this process may send until its lease expires.

    `probing`: a retry, or for an endpoint that fails; these have limits of their own.
    `encrypted_secret` and `encrypted_old_secret`: the endpoint's, the old one while it is rotated.
    `failures`: the endpoint's consecutive ones.
    """

    id: int
    endpoint: UUID
    seq: int | None
    event: UUID
    lane: int
    lease: int
    tries: int
    probing: bool
    url: str
    encrypted_secret: bytes
    encrypted_old_secret: bytes | None
    failures: int
    ordered: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """The result of a claim.

    `last_endpoint`: where the next claim continues; `round_complete`: all endpoints were visited.
    `seconds`: until the next retry of a visited endpoint is due; None if none is waiting.
    """

    deliveries: Sequence[ClaimedDelivery]
    last_endpoint: UUID
    round_complete: bool
    seconds: float | None


# Key of the lock: "claims" in ASCII. In a statement of its own: the claim must see what the
# previous holder of the lock committed.
_LOCK: Final = b"SELECT pg_advisory_xact_lock(x'636c61696d730000'::bigint)"

# Lanes: 0 first attempt, 1 retry, 2 replay, 3 ping. At most 2 retries of an endpoint are in flight,
# so retries and first attempts never starve each other, and 1 of a replay, which keeps its order.
# An ordered endpoint has 1 delivery in flight, its first by seq; what is newer than its replay's
# place waits for the replay. Pings are also sent to endpoints that are paused or probed.
#
# Where there is not room for all, every endpoint's first delivery comes before any second one, and
# among equals chance decides: in a fixed order, the last would wait while the first fill the room.
_CLAIM: Final = text("""
WITH RECURSIVE candidates AS (
    (SELECT endpoint, 1 AS n FROM webhooks.deliveries
    WHERE state = 'pending' AND endpoint > CAST(:after AS uuid) ORDER BY endpoint LIMIT 1)
    UNION ALL
    SELECT following.endpoint, c.n + 1 FROM candidates c CROSS JOIN LATERAL (
        SELECT endpoint FROM webhooks.deliveries
        WHERE state = 'pending' AND endpoint > c.endpoint ORDER BY endpoint LIMIT 1
    ) following WHERE c.n < CAST(:max_candidates AS int)
), endpoints AS MATERIALIZED (
    SELECT e.id, e.ordered, f.in_flight, f.retrying, f.replaying, f.failing AS probing,
        CASE WHEN f.failing OR e.ordered THEN 1 ELSE CAST(:max_in_flight AS int) END - f.in_flight
            AS room,
        e.paused_at IS NULL AND coalesce(e.probe_at <= clock_timestamp(), true) AS open,
        (SELECT next_attempt_at FROM webhooks.deliveries
            WHERE endpoint = e.id AND state = 'pending' AND lane = 1
            ORDER BY next_attempt_at LIMIT 1) AS retry_at,
        coalesce((SELECT at_seq FROM webhooks.replays WHERE endpoint = e.id AND ended_at IS NULL),
            9223372036854775807) AS replayed_below
    FROM candidates c JOIN webhooks.endpoints e ON e.id = c.endpoint AND e.deleted_at IS NULL
    CROSS JOIN LATERAL (
        SELECT count(*) AS in_flight, count(*) FILTER (WHERE lane = 1) AS retrying,
            count(*) FILTER (WHERE lane = 2) AS replaying,
            e.failures >= CAST(:probe_after_failures AS int) AS failing
        FROM webhooks.deliveries WHERE endpoint = e.id AND state = 'sending'
    ) f
), due AS (
    SELECT d.id, o.id AS endpoint, 0 AS turn, d.seq AS place,
        o.room + CAST(:max_in_flight AS int) AS room, o.probing, o.in_flight AS ahead
    FROM endpoints o CROSS JOIN LATERAL (
        SELECT id, seq FROM webhooks.deliveries
        WHERE endpoint = o.id AND state = 'pending' AND lane = 3 LIMIT 1) d
    WHERE o.in_flight < CAST(:max_in_flight AS int)
    UNION ALL
    SELECT d.id, o.id, 1, d.place, o.room, true, o.retrying
    FROM endpoints o CROSS JOIN LATERAL (
        SELECT id, extract(epoch FROM next_attempt_at)::bigint AS place FROM webhooks.deliveries
        WHERE endpoint = o.id AND state = 'pending' AND lane = 1
            AND next_attempt_at <= clock_timestamp()
        ORDER BY next_attempt_at LIMIT greatest(least(2 - o.retrying, o.room), 0)) d
    WHERE o.open AND NOT o.ordered AND o.retry_at <= clock_timestamp()
    UNION ALL
    SELECT d.id, o.id, 2, d.seq, o.room, o.probing, o.in_flight
    FROM endpoints o CROSS JOIN LATERAL (
        SELECT id, seq FROM webhooks.deliveries
        WHERE endpoint = o.id AND state = 'pending' AND lane = 2
        ORDER BY seq LIMIT greatest(least(1 - o.replaying, o.room), 0)) d
    WHERE o.open AND NOT o.ordered
    UNION ALL
    SELECT d.id, o.id, 3, d.seq, o.room, o.probing, o.in_flight
    FROM endpoints o CROSS JOIN LATERAL (
        SELECT id, seq FROM webhooks.deliveries
        WHERE endpoint = o.id AND state = 'pending' AND lane = 0
        ORDER BY seq LIMIT greatest(o.room, 0)) d
    WHERE o.open AND NOT o.ordered
    UNION ALL
    SELECT d.id, o.id, 3, d.seq, o.room, o.probing OR d.lane = 1, o.in_flight
    FROM endpoints o CROSS JOIN LATERAL (
        SELECT head.* FROM (
            SELECT queued.* FROM unnest('{0,1,2}'::smallint[]) lanes (lane) CROSS JOIN LATERAL (
                SELECT id, seq, lane, next_attempt_at FROM webhooks.deliveries
                WHERE endpoint = o.id AND state = 'pending' AND lane = lanes.lane
                ORDER BY seq LIMIT 1) queued
            ORDER BY queued.seq LIMIT 1
        ) head
        WHERE head.seq < o.replayed_below
            AND (head.lane <> 1 OR head.next_attempt_at <= clock_timestamp())
    ) d
    WHERE o.open AND o.ordered AND o.in_flight = 0
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY endpoint ORDER BY turn, place) AS rank FROM due
), chosen AS (
    SELECT id, probing FROM (
        SELECT *, row_number() OVER (PARTITION BY probing ORDER BY ahead + rank, random()) AS n
        FROM ranked WHERE rank <= room
    ) numbered
    WHERE n <= CASE WHEN probing THEN CAST(:probing AS int) ELSE CAST(:healthy AS int) END
), locked AS (
    SELECT d.id, c.probing FROM chosen c JOIN webhooks.deliveries d ON d.id = c.id
    WHERE d.state = 'pending' FOR UPDATE OF d SKIP LOCKED
), claimed AS (
    UPDATE webhooks.deliveries d SET state = 'sending', lease = nextval('webhooks.leases'),
        leased_at = clock_timestamp(), lease_until = clock_timestamp() + CAST(:lease AS interval)
    FROM locked l JOIN webhooks.endpoints e ON true
    WHERE d.id = l.id AND e.id = d.endpoint
    RETURNING d.id, d.endpoint, d.seq, d.event, d.lane, d.lease, d.tries, l.probing, e.url,
        e.encrypted_secret, CASE WHEN e.old_until > clock_timestamp()
            THEN e.encrypted_old_secret END AS encrypted_old_secret, e.failures, e.ordered
)
SELECT (SELECT endpoint FROM candidates ORDER BY n DESC LIMIT 1) AS last_endpoint,
    (SELECT count(*) FROM candidates) < CAST(:max_candidates AS int) AS round_complete,
    (SELECT extract(epoch FROM min(retry_at) - clock_timestamp())::float8 FROM endpoints
        WHERE open AND retry_at > clock_timestamp()) AS seconds,
    c.*
FROM (SELECT) summary LEFT JOIN claimed c ON true
""")


async def claim_due(
    conn: DelivererConnection, after: UUID, *, healthy: int, probing: int, lease: timedelta
) -> Claim:
    """Take what is due of the endpoints after `after`.

    At most `healthy` first attempts of healthy endpoints, and `probing` of all other deliveries.
    """
    params = {
        "after": after,
        "healthy": healthy,
        "probing": probing,
        "lease": lease,
        "max_candidates": MAX_CANDIDATES,
        "max_in_flight": MAX_IN_FLIGHT,
        "probe_after_failures": PROBE_AFTER_FAILURES,
    }
    async with conn.transaction(), conn.cursor(row_factory=namedtuple_row, binary=True) as cursor:
        await conn.execute(_LOCK)
        await cursor.execute(compiled(_CLAIM), params, prepare=True)
        rows: list[Any] = await cursor.fetchall()
    summary = rows[0]
    deliveries = [_claimed(row) for row in rows if row.id is not None]
    complete = summary.round_complete or summary.last_endpoint is None
    last = LOWEST_ID if complete else summary.last_endpoint
    return Claim(deliveries, last, summary.round_complete, summary.seconds)


def _claimed(row: Any) -> ClaimedDelivery:
    return ClaimedDelivery(
        id=row.id,
        endpoint=row.endpoint,
        seq=row.seq,
        event=row.event,
        lane=row.lane,
        lease=row.lease,
        tries=row.tries,
        probing=row.probing,
        url=row.url,
        encrypted_secret=row.encrypted_secret,
        encrypted_old_secret=row.encrypted_old_secret,
        failures=row.failures,
        ordered=row.ordered,
    )
