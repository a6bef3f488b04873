"""How do events become deliveries?

A follower: it stays behind the projections that know an event's kind of change, and writes the
deliveries of a page of events in the transaction that moves its checkpoint, so each event becomes
one delivery an endpoint, exactly once. In the same transactions it queues what an endpoint missed
while it was paused (or being made), and what is to be sent again. Called by the worker after it
folded, and by its sweeps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, text

from onrecord.projections.changes.change_of import KNOWN
from onrecord.webhooks.matching import FOR_ALL, Filter, for_one
from onrecord.webhooks.tables import FIRST, REPLAY

PAGE: Final = 500
"""Events in one transaction, where few endpoints listen."""
MOST_ROWS: Final = 100_000
"""Deliveries in one transaction, about."""
WINDOW: Final = 1_000
"""Deliveries of one endpoint that may be pending before more of what it missed is queued."""
AT_ONCE: Final = 100
"""Endpoints looked at in one step for what they missed."""
RATE: Final = 100
"""Events of a replay a second."""


@dataclass(frozen=True)
class Step:
    """What one transaction did: deliveries written, and whether there is more to do at once."""

    written: int
    more: bool


def fan_out(engine: Engine) -> int:
    """Write the deliveries of every event that is known by now; answers how many were written.

    Another worker's lock ends it at once; that one looks once more after it let go.
    """
    written = 0
    while (done := step(engine)) is not None:
        written += done.written
        if not done.more and not _behind(engine):
            break
    return written


def step(engine: Engine) -> Step | None:
    """One page of events and of what endpoints missed; None if another worker is at it."""
    with engine.begin() as conn:
        place = conn.execute(_LOCK).one_or_none()
        if place is None:
            return None
        start, end = place.size, min(place.known, place.size + _page(place.listening))
        written = missed = again = 0
        more = False
        if start < end:
            written = _number(conn, _INSERT, start=start, end=end)
            conn.execute(_UNSAY, {"start": start, "end": end})
            conn.execute(_ADVANCE, {"size": end})
        waiting = conn.execute(_WAITING).one()
        if waiting.missed:
            missed, more = _missed(conn, max(start, end))
        if waiting.again:
            again = _replayed(conn)
    return Step(written + missed + again, more or end < place.known)


def _behind(engine: Engine) -> bool:
    with engine.begin() as conn:
        return bool(conn.scalar(_BEHIND))


def _page(listening: int) -> int:
    return max(1, min(PAGE, MOST_ROWS // max(1, listening)))


def _number(conn: Connection, query: Any, **params: Any) -> int:
    return int(conn.execute(query, params).scalar_one())


_LOCK: Final = text(f"""
    SELECT size, ({KNOWN.text}) AS known,
        (SELECT count(*) FROM webhooks.endpoints WHERE deleted_at IS NULL) AS listening
    FROM webhooks.checkpoints WHERE name = 'fan_out' FOR UPDATE SKIP LOCKED
""")
"""And how far it may go, and among how many. Both may be older than `size`, where another one moved
it just now: there is nothing to do then, and `_BEHIND` looks again.
"""
_WAITING: Final = text("""
    SELECT EXISTS (SELECT FROM webhooks.endpoints
            WHERE from_seq IS NOT NULL AND deleted_at IS NULL) AS missed,
        EXISTS (SELECT FROM webhooks.replays WHERE ended_at IS NULL) AS again
""")
"""Whether some endpoint missed something, or is being sent something again: mostly none."""
_ADVANCE: Final = text(
    "UPDATE webhooks.checkpoints SET size = :size, moved_at = clock_timestamp()"
    " WHERE name = 'fan_out'"
)
_UNSAY: Final = text("""
    WITH erasures AS MATERIALIZED (
        SELECT (SELECT convert_from(entry, 'UTF8')::jsonb #>> '{data,target}'
            FROM ledger.entries WHERE seq = t.seq) AS target
        FROM ledger.touches t WHERE t.kind = 'type' AND t.name = 'payload.erased'
            AND t.seq >= CAST(:start AS bigint) AND t.seq < CAST(:end AS bigint)
    ), unsaid AS MATERIALIZED (
        SELECT (SELECT seq FROM ledger.entries WHERE id = CAST(target AS uuid)) AS seq
        FROM erasures
        UNION SELECT t.seq FROM erasures CROSS JOIN LATERAL (
            SELECT seq FROM ledger.touches WHERE kind = 'statement' AND name = target OFFSET 0) t
    )
    UPDATE webhooks.attempts SET answer = NULL
    WHERE answer IS NOT NULL AND delivery = ANY (ARRAY(
        SELECT d.id FROM unsaid u CROSS JOIN webhooks.endpoints p CROSS JOIN LATERAL (
            SELECT id FROM webhooks.deliveries WHERE endpoint = p.id AND seq = u.seq OFFSET 0) d))
""")
"""A receiver may answer with what it was sent: what was erased goes from the log too."""
_BEHIND: Final = text(
    f"SELECT size < ({KNOWN.text}) FROM webhooks.checkpoints WHERE name = 'fan_out'"
)
_INSERT: Final = text(f"""
    WITH {FOR_ALL},
    written AS (
        INSERT INTO webhooks.deliveries (endpoint, seq, event, lane)
        SELECT endpoint, seq, id, {FIRST} FROM found ORDER BY seq, endpoint
        ON CONFLICT (endpoint, seq) DO NOTHING
        RETURNING 1
    )
    SELECT count(*) FROM written
""")


# What an endpoint missed: from `from_seq` on, until it is as far as the fan-out.


def _missed(conn: Connection, end: int) -> tuple[int, bool]:
    """Queue what endpoints missed; how many deliveries, and whether some can take more at once.

    A pause that comes in between wins: the row is looked at again when it is written.
    """
    conn.execute(_AS_FAR, {"end": end})
    written, more = 0, False
    behind = conn.execute(_BEHIND_OTHERS, {"window": WINDOW, "most": AT_ONCE}).mappings().all()
    for row in behind:
        room = min(PAGE, WINDOW - row["waiting"])
        count, reached = _queue(
            conn, {**row}, start=row["from_seq"], end=end, limit=room, again=False
        )
        place = {"id": row["id"], "from_seq": None if reached >= end else reached}
        conn.execute(_GONE_ON, place)
        written += count
        more = more or (reached < end and count < WINDOW - row["waiting"])
    return written, more


_AS_FAR: Final = text(
    "UPDATE webhooks.endpoints SET from_seq = NULL"
    " WHERE from_seq >= CAST(:end AS bigint) AND paused_at IS NULL AND deleted_at IS NULL"
)
_BEHIND_OTHERS: Final = text("""
    SELECT p.*, w.waiting FROM webhooks.endpoints p CROSS JOIN LATERAL (
        SELECT count(*) AS waiting FROM (
            SELECT FROM webhooks.deliveries WHERE endpoint = p.id AND state = 'pending'
            LIMIT CAST(:window AS bigint)) few
    ) w
    WHERE p.from_seq IS NOT NULL AND p.paused_at IS NULL AND p.deleted_at IS NULL
        AND w.waiting < CAST(:window AS bigint)
    ORDER BY p.from_seq LIMIT CAST(:most AS bigint)
""")
_GONE_ON: Final = text(
    "UPDATE webhooks.endpoints SET from_seq = CAST(:from_seq AS bigint)"
    " WHERE id = :id AND paused_at IS NULL"
)


def _queue(
    conn: Connection, endpoint: Mapping[str, Any], *, start: int, end: int, limit: int, again: bool
) -> tuple[int, int]:
    """Queue up to `limit` events that an endpoint wants; how many, and up to which seq that is."""
    wanted = Filter.of(endpoint)
    places = {"start": start, "end": end, "limit": limit, "id": endpoint["id"]}
    query = _queued(wanted.given, again=again)
    row = conn.execute(query, {**wanted.params, **places}).one()
    return row.queued, end if row.next is None else row.next


def _queued(given: frozenset[str], *, again: bool) -> Any:
    sent_again = f"""DO UPDATE SET state = 'pending', lane = {REPLAY}, tries = 0, ended_at = NULL
        WHERE d.state IN ('delivered', 'failed')"""
    return text(f"""
    WITH {for_one(given)},
    written AS (
        INSERT INTO webhooks.deliveries AS d (endpoint, seq, event, lane)
        SELECT CAST(:id AS uuid), seq, id, {REPLAY if again else FIRST} FROM found ORDER BY seq
        ON CONFLICT (endpoint, seq) {sent_again if again else "DO NOTHING"}
    )
    SELECT (SELECT count(*) FROM found) AS queued, next FROM onward
    """)


# What is to be sent again: a replay, at its rate.


def _replayed(conn: Connection) -> int:
    written = 0
    for row in conn.execute(_REPLAYS, {"window": WINDOW, "rate": RATE}).mappings().all():
        count, reached = _queue(
            conn, {**row}, start=row["at_seq"], end=row["to_seq"], limit=row["room"], again=True
        )
        conn.execute(_QUEUED, {"replay": row["replay"], "at_seq": reached, "count": count})
        written += count
    conn.execute(_ENDED)
    return written


_REPLAYS: Final = text(f"""
    SELECT p.*, r.id AS replay, r.at_seq, r.to_seq, room.room
    FROM webhooks.replays r JOIN webhooks.endpoints p ON p.id = r.endpoint
    CROSS JOIN LATERAL (
        SELECT floor(least(CAST(:window AS bigint),
            extract(epoch FROM clock_timestamp() - r.filled_at) * :rate))::bigint - count(*) AS room
        FROM (
            SELECT FROM webhooks.deliveries
            WHERE endpoint = p.id AND state = 'pending' AND lane = {REPLAY}
            LIMIT CAST(:window AS bigint)) few
    ) room
    WHERE r.ended_at IS NULL AND r.at_seq < r.to_seq AND p.paused_at IS NULL
        AND p.deleted_at IS NULL AND room.room > 0
    ORDER BY r.id
""")
_QUEUED: Final = text("""
    UPDATE webhooks.replays SET at_seq = :at_seq, queued = queued + :count,
        filled_at = clock_timestamp()
    WHERE id = :replay
""")
_ENDED: Final = text(f"""
    UPDATE webhooks.replays r SET ended_at = clock_timestamp()
    WHERE r.ended_at IS NULL AND r.at_seq >= r.to_seq
        AND NOT EXISTS (SELECT FROM webhooks.deliveries d
            WHERE d.endpoint = r.endpoint AND d.lane = {REPLAY} AND d.state = 'pending')
        AND NOT EXISTS (SELECT FROM webhooks.deliveries d
            WHERE d.endpoint = r.endpoint AND d.lane = {REPLAY} AND d.state = 'sending')
""")
