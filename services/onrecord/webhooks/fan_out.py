"""The fan-out: a follower of the ledger that turns events into deliveries.

It stays behind the projections that know what a delivery says of an event, and writes the
deliveries of a page of events in the transaction that moves its checkpoint, so each event becomes
one delivery an endpoint, exactly once. The same transactions queue what endpoints missed while they
were paused or being created (`catch_up`), and what is to be sent again (`replays`). Run by the
worker after it folded, and by its sweeps.
"""

from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import Connection, Engine, text

from onrecord.domain.event_types import CHANGE_TYPE
from onrecord.domain.events import EVENT_CLASSES
from onrecord.ledger.entry import decode
from onrecord.webhooks.catch_up import queue_missed, queue_replays
from onrecord.webhooks.payload import DELIVERABLE_SIZE

log = structlog.get_logger()

PAGE: Final = 500  # events in one transaction, while few endpoints listen
MAX_ROWS: Final = 100_000  # deliveries in one transaction, roughly

_ERASURE_TYPES: Final = [event.type for event in EVENT_CLASSES.values() if event.erases]


@dataclass(frozen=True)
class FanOutStep:
    """The result of one transaction: deliveries written, and whether more can be written now."""

    written: int
    more: bool


def fan_out(engine: Engine) -> int:
    """Write the deliveries of every event that the projections know; returns how many.

    Ends at once if another worker holds the checkpoint; that worker checks for new events after it
    releases the lock.
    """
    written = 0
    while (step := fan_out_page(engine)) is not None:
        written += step.written
        if not step.more and not _is_behind(engine):
            break
    return written


def fan_out_page(engine: Engine) -> FanOutStep | None:
    """Process one page of events, and queue for endpoints that are behind; None if it is locked."""
    with engine.begin() as conn:
        checkpoint = conn.execute(_LOCK_CHECKPOINT).one_or_none()
        if checkpoint is None:
            return None
        start, folded = checkpoint.size, conn.execute(DELIVERABLE_SIZE).scalar_one()
        page = max(1, min(PAGE, MAX_ROWS // max(1, checkpoint.endpoints)))
        end = max(start, min(folded, start + page))
        written = 0
        if start < end:
            places = {"start": start, "end": end}
            written = conn.execute(_INSERT, {**places, "change_type": CHANGE_TYPE}).scalar_one()
            _redact_responses(conn, start, end)
            conn.execute(_MOVE_CHECKPOINT, {"size": end})
        pending = conn.execute(_PENDING_WORK).one()
        missed, more = queue_missed(conn, end) if pending.missed else (0, False)
        replayed = queue_replays(conn) if pending.replays else 0
    queued = written + missed + replayed
    if queued:
        seqs = {"seq": start, "last_seq": end - 1} if written else {}
        log.info("deliveries queued", deliveries=queued, **seqs)
    return FanOutStep(queued, more or end < folded)


def _is_behind(engine: Engine) -> bool:
    with engine.begin() as conn:
        size = conn.execute(_CHECKPOINT).scalar_one()
        return bool(size < conn.execute(DELIVERABLE_SIZE).scalar_one())


def _redact_responses(conn: Connection, start: int, end: int) -> None:
    """Clear logged responses to deliveries of erased words: they may repeat what was sent."""
    places = {"start": start, "end": end, "types": _ERASURE_TYPES}
    for entry in conn.scalars(_ERASURES, places):
        erasure = decode(bytes(entry), {})
        subject = {"kind": erasure.event.erases, "id": erasure.subject}
        conn.execute(_REDACT_RESPONSES, subject)


_LOCK_CHECKPOINT: Final = text("""
SELECT size, (SELECT count(*) FROM webhooks.endpoints WHERE deleted_at IS NULL) AS endpoints
FROM webhooks.checkpoints WHERE name = 'fan_out' FOR UPDATE SKIP LOCKED
""")
_CHECKPOINT: Final = text("SELECT size FROM webhooks.checkpoints WHERE name = 'fan_out'")
_MOVE_CHECKPOINT: Final = text("""
UPDATE webhooks.checkpoints SET size = :size, moved_at = clock_timestamp() WHERE name = 'fan_out'
""")
_PENDING_WORK: Final = text("""
SELECT EXISTS (SELECT FROM webhooks.endpoints
        WHERE from_seq IS NOT NULL AND deleted_at IS NULL) AS missed,
    EXISTS (SELECT FROM webhooks.replays WHERE ended_at IS NULL) AS replays
""")

# A delivery for each event from :start up to :end and each endpoint that wants it. Endpoints are
# looked up by their narrowest filter (`interests`), so only those are examined that may match.
# OFFSET 0 keeps PostgreSQL from joining every endpoint with every event while their tables are not
# analyzed. Kinds and merges are those that were known at the event: `open_seq <= seq < close_seq`.
_INSERT: Final = text("""
WITH events AS MATERIALIZED (
    SELECT e.seq, e.id, parsed.entry ->> 'type' AS type,
        ARRAY(
            WITH RECURSIVE up (id) AS (
                SELECT jsonb_array_elements_text(parsed.entry #> '{touches,actors}')
                UNION
                SELECT m.into_actor FROM up JOIN projections.merges m ON m.id = up.id
                    AND m.open_seq <= e.seq AND m.close_seq > e.seq AND m.generation = (SELECT
                        generation FROM projections.checkpoints WHERE live AND name = 'actors')
            ), same (id) AS (
                SELECT id FROM up
                UNION
                SELECT m.id FROM same JOIN projections.merges m ON m.into_actor = same.id
                    AND m.open_seq <= e.seq AND m.close_seq > e.seq AND m.generation = (SELECT
                        generation FROM projections.checkpoints WHERE live AND name = 'actors')
            )
            SELECT id FROM same
        ) AS actors,
        ARRAY(SELECT jsonb_array_elements_text(parsed.entry #> '{touches,topics}')) AS topics,
        CASE WHEN parsed.entry ->> 'type' = :change_type THEN (
            SELECT c.kind FROM projections.changes c
            WHERE c.id = e.id AND c.open_seq = e.seq AND c.generation = (SELECT generation
                FROM projections.checkpoints WHERE live AND name = 'changes')
        ) END AS kind
    FROM ledger.entries e CROSS JOIN LATERAL (
        SELECT convert_from(e.entry, 'UTF8')::jsonb AS entry OFFSET 0) parsed
    WHERE e.seq >= CAST(:start AS bigint) AND e.seq < CAST(:end AS bigint)
), matched AS (
    SELECT DISTINCT v.seq, v.id, p.id AS endpoint
    FROM events v CROSS JOIN LATERAL (
        SELECT 'actor' AS by, unnest(v.actors) AS name
        UNION ALL SELECT 'topic', unnest(v.topics)
        UNION ALL SELECT 'kind', v.kind
        UNION ALL SELECT 'type', v.type
        UNION ALL SELECT 'any', ''
    ) f
    CROSS JOIN LATERAL (
        SELECT endpoint FROM webhooks.interests WHERE by = f.by AND name = f.name OFFSET 0) i
    CROSS JOIN LATERAL (SELECT * FROM webhooks.endpoints WHERE id = i.endpoint OFFSET 0) p
    WHERE p.from_seq IS NULL AND p.deleted_at IS NULL AND v.seq >= p.size
        AND (p.types = '{}' OR v.type = ANY (p.types))
        AND (p.actors = '{}' OR p.actors && v.actors)
        AND (p.topics = '{}' OR p.topics && v.topics)
        AND (p.kinds = '{}' OR v.kind = ANY (p.kinds))
), written AS (
    INSERT INTO webhooks.deliveries (endpoint, seq, event, lane)
    SELECT endpoint, seq, id, 0 FROM matched ORDER BY seq, endpoint  -- lane 0: first attempt
    ON CONFLICT (endpoint, seq) DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM written
""")
_ERASURES: Final = text("""
SELECT (SELECT entry FROM ledger.entries WHERE seq = t.seq) AS entry
FROM ledger.touches t
WHERE t.kind = 'type' AND t.name = ANY (CAST(:types AS text[]))
    AND t.seq >= CAST(:start AS bigint) AND t.seq < CAST(:end AS bigint)
""")
# The events of a statement (the one that made it has its id; the others, and erasures, touch it)
# those of positions that are based on it, and dismissals of findings about it: the deliveries of
# all may have had its words.
_REDACT_RESPONSES: Final = text("""
WITH events AS MATERIALIZED (
    SELECT seq FROM ledger.entries WHERE id = CAST(:id AS uuid)
    UNION
    SELECT seq FROM ledger.touches
    WHERE kind IN (:kind, 'finding') AND name = CAST(CAST(:id AS uuid) AS text)
    UNION
    SELECT unnest(ARRAY[open_seq, close_seq]) FROM projections.steps
    WHERE basis @> ARRAY[CAST(:id AS uuid)] AND generation =
        (SELECT generation FROM projections.checkpoints WHERE live AND name = 'positions')
)
UPDATE webhooks.attempts SET answer = NULL
WHERE answer IS NOT NULL AND delivery = ANY (ARRAY(
    SELECT d.id FROM events v CROSS JOIN webhooks.endpoints p CROSS JOIN LATERAL (
        SELECT id FROM webhooks.deliveries WHERE endpoint = p.id AND seq = v.seq OFFSET 0) d))
""")
