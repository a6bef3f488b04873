"""Deliveries of earlier events: what an endpoint missed, and replays.

Called by the fan-out, in its transactions and under its lock. An endpoint that was paused, or is
new, is behind the fan-out: it continues from its `from_seq` until it is level. A replay makes
deliveries of past events due again, at most `REPLAY_RATE` a second.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, TextClause, text

from onrecord.webhooks.matching import MATCHED, Filter

PAGE: Final = 500  # events that one endpoint is queued in one transaction
WINDOW: Final = 1_000  # pending deliveries of an endpoint at which no more are queued for it
MAX_ENDPOINTS: Final = 100  # endpoints that one transaction queues for
REPLAY_RATE: Final = 100  # events a second


def queue_missed(conn: Connection, end: int) -> tuple[int, bool]:
    """Queue missed events below `end`; returns how many, and whether more can be queued at once."""
    conn.execute(_CLEAR_CAUGHT_UP, {"end": end})
    queued, more = 0, False
    params = {"window": WINDOW, "max_endpoints": MAX_ENDPOINTS}
    for endpoint in conn.execute(_LAGGING_ENDPOINTS, params).mappings().all():
        room = WINDOW - endpoint["pending"]
        count, reached = _queue(
            conn,
            _QUEUE_FIRST,
            {**endpoint},
            {"start": endpoint["from_seq"], "end": end, "limit": min(PAGE, room)},
        )
        place = {"id": endpoint["id"], "from_seq": None if reached >= end else reached}
        conn.execute(_SET_FROM_SEQ, place)
        queued += count
        more = more or (reached < end and count < room)
    return queued, more


def queue_replays(conn: Connection) -> int:
    """Queue the next events of every replay, as far as its rate allows; returns how many."""
    queued = 0
    params = {"window": WINDOW, "rate": REPLAY_RATE}
    for row in conn.execute(_OPEN_REPLAYS, params).mappings().all():
        count, reached = _queue(
            conn,
            _QUEUE_AGAIN,
            {**row},
            {"start": row["at_seq"], "end": row["to_seq"], "limit": row["room"]},
        )
        conn.execute(_MOVE_REPLAY, {"id": row["replay"], "at_seq": reached, "count": count})
        queued += count
    conn.execute(_END_REPLAYS)
    return queued


def _queue(
    conn: Connection, insert: TextClause, endpoint: Mapping[str, Any], places: Mapping[str, int]
) -> tuple[int, int]:
    """Queue what an endpoint wants; returns how many events, and up to which seq that is."""
    search = {**Filter.of(endpoint).search, **places}
    matched = conn.execute(MATCHED, search).one()
    if matched.seqs:
        conn.execute(insert, {"id": endpoint["id"], "seqs": matched.seqs})
    return len(matched.seqs), places["end"] if matched.next is None else matched.next


_CLEAR_CAUGHT_UP: Final = text("""
UPDATE webhooks.endpoints SET from_seq = NULL
WHERE from_seq >= CAST(:end AS bigint) AND paused_at IS NULL AND deleted_at IS NULL
""")
_LAGGING_ENDPOINTS: Final = text("""
SELECT p.*, queue.pending FROM webhooks.endpoints p CROSS JOIN LATERAL (
    SELECT count(*) AS pending FROM (
        SELECT FROM webhooks.deliveries WHERE endpoint = p.id AND state = 'pending'
        LIMIT CAST(:window AS bigint)) few
) queue
WHERE p.from_seq IS NOT NULL AND p.paused_at IS NULL AND p.deleted_at IS NULL
    AND queue.pending < CAST(:window AS bigint)
ORDER BY p.from_seq LIMIT CAST(:max_endpoints AS bigint)
""")
# A pause during the transaction wins: the row is checked again when it is updated.
_SET_FROM_SEQ: Final = text("""
UPDATE webhooks.endpoints SET from_seq = CAST(:from_seq AS bigint)
WHERE id = :id AND paused_at IS NULL
""")
# Lanes: 0 first attempt, 2 replay.
_QUEUE_FIRST: Final = text("""
INSERT INTO webhooks.deliveries (endpoint, seq, event, lane)
SELECT CAST(:id AS uuid), seq, id, 0 FROM ledger.entries
WHERE seq = ANY (CAST(:seqs AS bigint[])) ORDER BY seq
ON CONFLICT (endpoint, seq) DO NOTHING
""")
_QUEUE_AGAIN: Final = text("""
INSERT INTO webhooks.deliveries AS d (endpoint, seq, event, lane)
SELECT CAST(:id AS uuid), seq, id, 2 FROM ledger.entries
WHERE seq = ANY (CAST(:seqs AS bigint[])) ORDER BY seq
ON CONFLICT (endpoint, seq) DO UPDATE
    SET state = 'pending', lane = 2, tries = 0, ended_at = NULL
    WHERE d.state IN ('delivered', 'failed')
""")
_OPEN_REPLAYS: Final = text("""
SELECT p.*, r.id AS replay, r.at_seq, r.to_seq, queue.room
FROM webhooks.replays r JOIN webhooks.endpoints p ON p.id = r.endpoint CROSS JOIN LATERAL (
    SELECT floor(least(CAST(:window AS bigint),
        extract(epoch FROM clock_timestamp() - r.filled_at) * :rate))::bigint - count(*) AS room
    FROM (
        SELECT FROM webhooks.deliveries
        WHERE endpoint = p.id AND state = 'pending' AND lane = 2
        LIMIT CAST(:window AS bigint)) few
) queue
WHERE r.ended_at IS NULL AND r.at_seq < r.to_seq AND p.paused_at IS NULL
    AND p.deleted_at IS NULL AND queue.room > 0
ORDER BY r.id
""")
_MOVE_REPLAY: Final = text("""
UPDATE webhooks.replays SET at_seq = :at_seq, queued = queued + :count,
    filled_at = clock_timestamp()
WHERE id = :id
""")
_END_REPLAYS: Final = text("""
UPDATE webhooks.replays r SET ended_at = clock_timestamp()
WHERE r.ended_at IS NULL AND r.at_seq >= r.to_seq
    AND NOT EXISTS (SELECT FROM webhooks.deliveries d
        WHERE d.endpoint = r.endpoint AND d.lane = 2 AND d.state = 'pending')
    AND NOT EXISTS (SELECT FROM webhooks.deliveries d
        WHERE d.endpoint = r.endpoint AND d.lane = 2 AND d.state = 'sending')
""")
