"""Which deliveries are due, and who has them?

The deliverer's statement that takes what is due under a lease. Claims of all processes are taken
one at a time, under a lock: only so is the number in flight for an endpoint exact. They look at
endpoints with something pending in turn, so what waits for one endpoint is never read past to find
another's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row

from onrecord.webhooks.tables import FIRST, PING, REPLAY, RETRY

Connection = psycopg.AsyncConnection[Any]

SETTINGS: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "idle_in_transaction_session_timeout": "2s",
    "lock_timeout": "10s",
    "statement_timeout": "30s",
    "tcp_user_timeout": "10s",
}
"""Of the deliverer's connection. It looks things up by their indexes, planned once, whatever the
tables were like then (to plan a claim takes four times as long as to run it); and one that is
frozen under the lock is cut off, so that others can claim.
"""
LOCK_KEY: Final = 0x636C61696D730000  # b"claims\0\0"
IN_FLIGHT: Final = 8
"""Deliveries in flight for one endpoint, over all processes."""
RETRYING: Final = 2
"""Of these, retries: they never take the place of first attempts, nor those theirs."""
BROKEN: Final = 5
"""Failures in a row after which an endpoint gets one delivery at a time, as a probe."""
PROBE_EVERY: Final = timedelta(seconds=5)
VISITS: Final = 320
"""Endpoints looked at by one claim: as many as a process has room for deliveries."""
NOBODY: Final = UUID(int=0)
"""Where a round of the endpoints begins."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery in our hands, until its lease runs out."""

    id: int
    endpoint: UUID
    seq: int | None
    event: UUID
    lane: int
    lease: int
    tries: int
    slow: bool
    """A retry, or for an endpoint that fails: these have a part of the process of their own."""
    url: str
    secrets: tuple[str, ...]
    failures: int
    """Of its endpoint, in a row, when it was claimed."""
    ordered: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim found. `last` is where the next one looks on, `whole` says that a round of the
    endpoints is over; `seconds` until a retry is due of those looked at, if one is waiting.
    """

    deliveries: Sequence[Claimed]
    last: UUID
    whole: bool
    seconds: float | None


_LOCKED: Final[LiteralString] = "BEGIN; SELECT pg_advisory_xact_lock(%d)"
_CLAIM: Final = f"""
WITH RECURSIVE visited AS (
    (SELECT endpoint, 1 AS n FROM webhooks.deliveries
    WHERE state = 'pending' AND endpoint > %(after)b::uuid ORDER BY endpoint LIMIT 1)
    UNION ALL
    SELECT d.endpoint, v.n + 1 FROM visited v CROSS JOIN LATERAL (
        SELECT endpoint FROM webhooks.deliveries
        WHERE state = 'pending' AND endpoint > v.endpoint ORDER BY endpoint LIMIT 1
    ) d WHERE v.n < %(visits)b::int
), looked AS MATERIALIZED (
    SELECT e.id, e.ordered, f.flying, f.retrying, f.replaying, e.failures >= {BROKEN} AS slow,
        CASE WHEN e.failures >= {BROKEN} OR e.ordered THEN 1 ELSE {IN_FLIGHT} END - f.flying
            AS room,
        e.paused_at IS NULL AND coalesce(e.probe_at <= clock_timestamp(), true) AS open,
        (SELECT next_attempt_at FROM webhooks.deliveries
            WHERE endpoint = e.id AND state = 'pending' AND lane = {RETRY}
            ORDER BY next_attempt_at LIMIT 1) AS retry_at,
        coalesce((SELECT at_seq FROM webhooks.replays WHERE endpoint = e.id AND ended_at IS NULL),
            {2**63 - 1}) AS below
    FROM visited v JOIN webhooks.endpoints e ON e.id = v.endpoint AND e.deleted_at IS NULL
    CROSS JOIN LATERAL (
        SELECT count(*) AS flying, count(*) FILTER (WHERE lane = {RETRY}) AS retrying,
            count(*) FILTER (WHERE lane = {REPLAY}) AS replaying
        FROM webhooks.deliveries WHERE endpoint = e.id AND state = 'sending'
    ) f
), due AS (
    SELECT d.id, o.id AS endpoint, 0 AS turn, d.seq AS place, o.room + {IN_FLIGHT} AS room, o.slow,
        o.flying AS ahead
    FROM looked o CROSS JOIN LATERAL (
        SELECT id, seq FROM webhooks.deliveries
        WHERE endpoint = o.id AND state = 'pending' AND lane = {PING}
        LIMIT 1) d
    WHERE o.flying < {IN_FLIGHT}
    UNION ALL
    SELECT d.id, o.id, 1, d.place, o.room, true, o.retrying
    FROM looked o CROSS JOIN LATERAL (
        SELECT id, extract(epoch FROM next_attempt_at)::bigint AS place FROM webhooks.deliveries
        WHERE endpoint = o.id AND state = 'pending' AND lane = {RETRY}
            AND next_attempt_at <= clock_timestamp()
        ORDER BY next_attempt_at LIMIT greatest(least({RETRYING} - o.retrying, o.room), 0)) d
    WHERE o.open AND NOT o.ordered AND o.retry_at <= clock_timestamp()
    UNION ALL
    SELECT d.id, o.id, 2, d.seq, o.room, o.slow, o.flying
    FROM looked o CROSS JOIN LATERAL (
        SELECT id, seq FROM webhooks.deliveries
        WHERE endpoint = o.id AND state = 'pending' AND lane = {REPLAY}
        ORDER BY seq LIMIT greatest(least(1 - o.replaying, o.room), 0)) d
    WHERE o.open AND NOT o.ordered
    UNION ALL
    SELECT d.id, o.id, 3, d.seq, o.room, o.slow, o.flying
    FROM looked o CROSS JOIN LATERAL (
        SELECT id, seq FROM webhooks.deliveries
        WHERE endpoint = o.id AND state = 'pending' AND lane = {FIRST}
        ORDER BY seq LIMIT greatest(o.room, 0)) d
    WHERE o.open AND NOT o.ordered
    UNION ALL
    SELECT d.id, o.id, 3, d.seq, o.room, o.slow OR d.lane = {RETRY}, o.flying
    FROM looked o CROSS JOIN LATERAL (
        SELECT head.* FROM (
            SELECT one.* FROM unnest(ARRAY[{FIRST}, {RETRY}, {REPLAY}]::smallint[]) lanes (lane)
            CROSS JOIN LATERAL (
                SELECT id, seq, lane, next_attempt_at FROM webhooks.deliveries
                WHERE endpoint = o.id AND state = 'pending' AND lane = lanes.lane
                ORDER BY seq LIMIT 1) one
            ORDER BY one.seq LIMIT 1
        ) head
        WHERE head.seq < o.below
            AND (head.lane <> {RETRY} OR head.next_attempt_at <= clock_timestamp())
    ) d
    WHERE o.open AND o.ordered AND o.flying = 0
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY endpoint ORDER BY turn, place) AS rank FROM due
), chosen AS (
    SELECT id, slow FROM (
        SELECT *, row_number() OVER (PARTITION BY slow ORDER BY ahead + rank, random()) AS n
        FROM ranked WHERE rank <= room
    ) each WHERE n <= CASE WHEN slow THEN %(slow)b::int ELSE %(quick)b::int END
), held AS (
    SELECT d.id, c.slow FROM chosen c JOIN webhooks.deliveries d ON d.id = c.id
    WHERE d.state = 'pending' FOR UPDATE OF d SKIP LOCKED
), claimed AS (
    UPDATE webhooks.deliveries d SET state = 'sending', lease = nextval('webhooks.leases'),
        leased_at = clock_timestamp(), lease_until = clock_timestamp() + %(lease)b::interval
    FROM held c JOIN webhooks.endpoints e ON true
    WHERE d.id = c.id AND e.id = d.endpoint
    RETURNING d.id, d.endpoint, d.seq, d.event, d.lane, d.lease, d.tries, c.slow, e.url, e.secret,
        CASE WHEN e.old_until > clock_timestamp() THEN e.old_secret END AS old_secret,
        e.failures, e.ordered
)
SELECT (SELECT endpoint FROM visited ORDER BY n DESC LIMIT 1) AS last,
    (SELECT count(*) FROM visited) < %(visits)b::int AS whole,
    (SELECT extract(epoch FROM min(retry_at) - clock_timestamp())::float8 FROM looked
        WHERE open AND retry_at > clock_timestamp()) AS seconds,
    c.*
FROM (SELECT) one LEFT JOIN claimed c ON true
"""
"""Endpoints in turn; of each what there is room for, at its own pace; of these at most `quick` and
`slow`, everyone's first before anyone's second, what is in flight counted. Among equals it is by
chance: in any fixed order the last ones would wait for as long as there is room for the first only.
"""


async def claim(
    conn: Connection, after: UUID, *, quick: int, slow: int, lease: timedelta, visits: int = VISITS
) -> Claim:
    """Take what is due, up to so many, for the length of a lease."""
    asked = {"after": after, "visits": visits, "quick": quick, "slow": slow, "lease": lease}
    async with conn.cursor(row_factory=namedtuple_row, binary=True) as cursor:
        await conn.execute(_LOCKED % LOCK_KEY, prepare=False)
        try:
            await cursor.execute(_CLAIM.encode(), asked, prepare=True)
            rows: list[Any] = await cursor.fetchall()
            await conn.execute("COMMIT")
        except BaseException:
            if not conn.closed:
                await conn.execute("ROLLBACK")
            raise
    head = rows[0]
    taken = [_claimed(row) for row in rows if row.id is not None]
    last = NOBODY if head.whole or head.last is None else head.last
    return Claim(taken, last, head.whole, head.seconds)


def _claimed(row: Any) -> Claimed:
    secrets = (row.secret, row.old_secret) if row.old_secret else (row.secret,)
    same = (row.id, row.endpoint, row.seq, row.event, row.lane, row.lease, row.tries, row.slow)
    return Claimed(*same, row.url, secrets, row.failures, row.ordered)
