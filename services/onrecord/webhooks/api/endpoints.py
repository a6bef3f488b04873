"""Which endpoints are there, and how does one come, change, pause, go on and go?

Called by `routes`. Each change is one transaction of a few statements on the door's pool. An
endpoint is made behind the fan-out, at the ledger's size, and drawn level by it: so it misses
nothing, whatever is recorded while it is being made.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import TextClause, text

from onrecord.domain.ids import new_id
from onrecord.kit.sql.db import Pool, Row, compiled, rows
from onrecord.ledger.read import SIZE
from onrecord.webhooks.api import delivery_log
from onrecord.webhooks.api.schemas import Endpoint, EndpointIn, Pause, Replay
from onrecord.webhooks.http.signing import new_secret
from onrecord.webhooks.matching import FILTERS, Filter, counted
from onrecord.webhooks.tables import PING, RETRY

OVERLAP: Final = "24 hours"
"""How long an old secret signs along."""
COUNTED: Final = 50_000
"""Events that one statement counts, a second or two; no replay is too long to be counted."""
PEOPLE: Final = "you"
"""Who pauses an endpoint by asking, before there are keys."""

_LAST_REPLAY: Final = """
    LEFT JOIN LATERAL (
        SELECT to_jsonb(r) AS replay FROM webhooks.replays r WHERE r.endpoint = e.id
        ORDER BY r.id DESC LIMIT 1
    ) r ON true"""
ONE: Final = text(
    f"SELECT e.*, r.replay FROM webhooks.endpoints e {_LAST_REPLAY}"
    " WHERE e.id = CAST(:id AS uuid) AND e.deleted_at IS NULL"
)
"""An endpoint with its last replay."""
LIST: Final = text(
    f"SELECT e.*, r.replay FROM webhooks.endpoints e {_LAST_REPLAY}"
    " WHERE e.id > CAST(:after AS uuid) AND e.deleted_at IS NULL"
    " ORDER BY e.id LIMIT CAST(:limit AS bigint)"
)
"""Endpoints in order of id, which is that of their making."""

_MAKE: Final = text("""
    INSERT INTO webhooks.endpoints
        (id, url, description, types, actors, topics, kinds, ordered, secret, size, from_seq)
    VALUES (:id, :url, :description, CAST(:types AS text[]), CAST(:actors AS text[]),
        CAST(:topics AS text[]), CAST(:kinds AS text[]), :ordered, :secret,
        CAST(:size AS bigint), CAST(:size AS bigint))
""")
_INTERESTS: Final = text("""
    INSERT INTO webhooks.interests (by, name, endpoint)
    SELECT DISTINCT by, name, CAST(:id AS uuid)
    FROM unnest(CAST(:by AS text[]), CAST(:names AS text[])) AS t (by, name)
""")
_NO_INTERESTS: Final = text("DELETE FROM webhooks.interests WHERE endpoint = CAST(:id AS uuid)")


async def run(conn: psycopg.AsyncConnection[Row], query: TextClause, **params: Any) -> list[Row]:
    """Run a statement on this connection; the rows it gives, if it gives any."""
    cursor = await conn.execute(compiled(query), params, binary=True)
    return await cursor.fetchall() if cursor.description else []


async def changed(pool: Pool, query: TextClause, params: Mapping[str, Any]) -> list[Row]:
    """Run a statement that changes something; the rows it gives. Once: `rows` would try again."""
    async with pool.connection() as conn:
        return await run(conn, query, **params)


async def make(pool: Pool, asked: EndpointIn, url: str) -> tuple[UUID, str]:
    """Make an endpoint; its id and its secret."""
    id_, secret = new_id(), new_secret()
    wanted = filter_of(asked)
    async with pool.connection() as conn, conn.transaction():
        size = (await run(conn, SIZE))[0]["size"]
        await run(
            conn,
            _MAKE,
            id=id_,
            url=url,
            description=asked.description,
            ordered=asked.ordered,
            **{name: list(getattr(wanted, name)) for name in FILTERS},
            secret=secret,
            size=size,
        )
        await _interested(conn, id_, wanted)
    return id_, secret


async def _interested(conn: psycopg.AsyncConnection[Row], id_: UUID, wanted: Filter) -> None:
    found = wanted.interests
    names = {"by": [by for by, _ in found], "names": [name for _, name in found]}
    await run(conn, _INTERESTS, id=id_, **names)


def filter_of(asked: Any) -> Filter:
    """The filter in a body, each name once."""
    return Filter(**{name: tuple(dict.fromkeys(getattr(asked, name))) for name in FILTERS})


_CHANGED: Final = text("""
    UPDATE webhooks.endpoints SET url = :url, description = :description,
        types = CAST(:types AS text[]), actors = CAST(:actors AS text[]),
        topics = CAST(:topics AS text[]), kinds = CAST(:kinds AS text[]), ordered = :ordered,
        failures = CASE WHEN url = :url THEN failures ELSE 0 END,
        failing_since = CASE WHEN url = :url THEN failing_since END,
        probe_at = CASE WHEN url = :url THEN probe_at END
    WHERE id = CAST(:id AS uuid)
""")
"""What is known of how the old address fared is not held against a new one."""
_HELD: Final = text(
    "SELECT * FROM webhooks.endpoints WHERE id = CAST(:id AS uuid) AND deleted_at IS NULL"
    " FOR UPDATE"
)


async def change(pool: Pool, id_: UUID, new: Mapping[str, Any]) -> bool:
    """Change these columns of an endpoint; False where there is none."""
    async with pool.connection() as conn, conn.transaction():
        held = await run(conn, _HELD, id=id_)
        if not held:
            return False
        whole = {**held[0], **new}
        columns = ("url", "description", "ordered", *FILTERS)
        given = {name: whole[name] for name in columns}
        await run(conn, _CHANGED, id=id_, **given)
        await run(conn, _NO_INTERESTS, id=id_)
        await _interested(conn, id_, Filter.of(whole))
    return True


PAUSE: Final = text("""
    UPDATE webhooks.endpoints SET paused_at = clock_timestamp(), paused_reason = :reason,
        paused_by = :by, from_seq = coalesce(from_seq,
            (SELECT size FROM webhooks.checkpoints WHERE name = 'fan_out'))
    WHERE id = CAST(:id AS uuid) AND paused_at IS NULL AND deleted_at IS NULL
""")
"""From here on nothing is sent; a second pause changes nothing."""
RESUME: Final = text(f"""
    WITH resumed AS (
        UPDATE webhooks.endpoints SET paused_at = NULL, paused_reason = NULL, paused_by = NULL,
            failures = 0, failing_since = NULL, probe_at = NULL
        WHERE id = CAST(:id AS uuid) AND paused_at IS NOT NULL AND deleted_at IS NULL RETURNING id
    )
    UPDATE webhooks.deliveries d SET next_attempt_at = clock_timestamp(), tries = 0
    FROM resumed r WHERE d.endpoint = r.id AND d.state = 'pending' AND d.lane = {RETRY}
""")
"""It goes on from where it paused, what was waiting for a retry first."""
DELETE: Final = text("""
    WITH gone AS (
        UPDATE webhooks.endpoints SET deleted_at = clock_timestamp(), secret = '', old_secret = NULL
        WHERE id = CAST(:id AS uuid) AND deleted_at IS NULL RETURNING id
    ), deaf AS (DELETE FROM webhooks.interests i USING gone WHERE i.endpoint = gone.id)
    SELECT id FROM gone
""")
"""Gone for everybody at once; `forget` takes its log away."""
_ROTATE: Final = text(f"""
    UPDATE webhooks.endpoints SET old_secret = secret, secret = :secret,
        old_until = clock_timestamp() + interval '{OVERLAP}'
    WHERE id = CAST(:id AS uuid) AND deleted_at IS NULL RETURNING old_until
""")
_PING: Final = text(f"""
    INSERT INTO webhooks.deliveries (endpoint, event, lane)
    VALUES (CAST(:id AS uuid), CAST(:event AS uuid), {PING}) RETURNING id
""")


async def rotate(pool: Pool, id_: UUID) -> tuple[str, Row] | None:
    """A new secret, the old one's along for a while; None where there is no such endpoint."""
    secret = new_secret()
    found = await changed(pool, _ROTATE, {"id": id_, "secret": secret})
    return (secret, found[0]) if found else None


async def ping(pool: Pool, id_: UUID) -> int:
    """Queue a test; the id of its delivery."""
    found = await changed(pool, _PING, {"id": id_, "event": new_id()})
    return int(found[0]["id"])


_SINCE: Final = text(
    "SELECT coalesce((SELECT size FROM ledger.commits WHERE recorded_at < :since"
    " ORDER BY size DESC LIMIT 1), 0) AS size"
)
_REPLAY: Final = text("""
    INSERT INTO webhooks.replays (endpoint, from_seq, to_seq, at_seq, events)
    VALUES (CAST(:id AS uuid), CAST(:start AS bigint), CAST(:end AS bigint),
        CAST(:start AS bigint), CAST(:events AS bigint))
    ON CONFLICT (endpoint) WHERE ended_at IS NULL DO NOTHING RETURNING id
""")
_TO: Final = text(
    "SELECT coalesce((SELECT from_seq FROM webhooks.endpoints WHERE id = CAST(:id AS uuid)),"
    " (SELECT size FROM webhooks.checkpoints WHERE name = 'fan_out')) AS size"
)


async def replay(pool: Pool, endpoint: Row, from_size: int | None, since: Any) -> bool:
    """Ask for everything from a size or a time on to be sent again; False where it already is.

    Up to where the fan-out is: what comes after is sent anyway.
    """
    start = from_size
    if start is None:
        start = (await rows(pool, _SINCE, {"since": since}))[0]["size"]
    end = max(start, (await rows(pool, _TO, {"id": endpoint["id"]}))[0]["size"])
    events = await _count(pool, Filter.of(endpoint), start, end)
    asked = {"id": endpoint["id"], "start": start, "end": end, "events": events}
    return bool(await changed(pool, _REPLAY, asked))


async def _count(pool: Pool, wanted: Filter, start: int, end: int) -> int:
    events, then = 0, start if start < end else None
    while then is not None:
        places = {"start": then, "end": end, "limit": COUNTED}
        (found,) = await rows(pool, counted(wanted.given), {**wanted.params, **places})
        events, then = events + found["events"], found["next"]
    return events


def endpoint_out(row: Row) -> Endpoint:
    """A row of `ONE` or `LIST` as it is told."""
    paused = None
    if row["paused_at"] is not None:
        paused = Pause(at=row["paused_at"], reason=row["paused_reason"], by=row["paused_by"])
    shown = {name: row[name] for name in Endpoint.model_fields if name in row}
    overlap = row["old_until"] if row["old_secret"] else None
    told = {"paused": paused, "secret_overlap_until": overlap, "replay": replay_out(row["replay"])}
    return Endpoint(**{**shown, **told})


def replay_out(row: Mapping[str, Any] | None) -> Replay | None:
    """A row of `replays` as it is told."""
    if row is None:
        return None
    places = {f"{name}_size": row[f"{name}_seq"] for name in ("from", "to", "at")}
    same = {name: row[name] for name in ("id", "events", "queued", "asked_at", "ended_at")}
    return Replay(**places, **same)


FAR: Final = text("SELECT size, moved_at FROM webhooks.checkpoints WHERE name = 'fan_out'")
"""How far the fan-out is."""


async def resend_failed(pool: Pool, id_: UUID, since: datetime) -> int:
    """Make due again what failed for good from a time until now; how many."""
    asked = {"endpoint": id_, "since": since, "until": datetime.now(UTC)}
    resent = 0
    while found := await changed(pool, delivery_log.RESEND_FAILED, asked):
        resent += len(found)
    return resent
