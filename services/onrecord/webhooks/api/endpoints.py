"""Endpoints: statements that create, read, change, pause, resume and delete them.

Run by the routes of the webhooks API, each change in one transaction. An endpoint is created behind
the fan-out, at the ledger's size, and the fan-out brings it level: it misses nothing that is
recorded while it is being created.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import TextClause, text

from onrecord.domain.ids import new_id
from onrecord.kit.sql.db import Pool, Row, compiled
from onrecord.ledger.read import SIZE
from onrecord.webhooks.api.requests import EndpointIn, FilterIn
from onrecord.webhooks.api.responses import Endpoint, Pause, Replay
from onrecord.webhooks.encryption import SecretCipher
from onrecord.webhooks.http.signing import new_secret
from onrecord.webhooks.matching import FILTERS, Filter

PAUSED_BY_CLIENT: Final = "you"  # in `paused_by`, before there are API keys

ONE: Final = text("""
SELECT e.*, r.replay FROM webhooks.endpoints e
LEFT JOIN LATERAL (
    SELECT to_jsonb(r) AS replay FROM webhooks.replays r WHERE r.endpoint = e.id
    ORDER BY r.id DESC LIMIT 1
) r ON true
WHERE e.id = CAST(:id AS uuid) AND e.deleted_at IS NULL
""")
# In order of id, which is that of creation.
LIST: Final = text("""
SELECT e.*, r.replay FROM webhooks.endpoints e
LEFT JOIN LATERAL (
    SELECT to_jsonb(r) AS replay FROM webhooks.replays r WHERE r.endpoint = e.id
    ORDER BY r.id DESC LIMIT 1
) r ON true
WHERE e.id > CAST(:after AS uuid) AND e.deleted_at IS NULL
ORDER BY e.id LIMIT CAST(:limit AS bigint)
""")
_INSERT: Final = text("""
INSERT INTO webhooks.endpoints
    (id, url, description, types, actors, topics, kinds, ordered, encrypted_secret, size, from_seq)
VALUES (:id, :url, :description, CAST(:types AS text[]), CAST(:actors AS text[]),
    CAST(:topics AS text[]), CAST(:kinds AS text[]), :ordered, :encrypted_secret,
    CAST(:size AS bigint), CAST(:size AS bigint))
""")
_INSERT_INTERESTS: Final = text("""
INSERT INTO webhooks.interests (by, name, endpoint)
SELECT DISTINCT by, name, CAST(:id AS uuid)
FROM unnest(CAST(:by AS text[]), CAST(:names AS text[])) AS t (by, name)
""")
_DELETE_INTERESTS: Final = text("""
DELETE FROM webhooks.interests WHERE endpoint = CAST(:id AS uuid)
""")
_LOCK: Final = text("""
SELECT * FROM webhooks.endpoints WHERE id = CAST(:id AS uuid) AND deleted_at IS NULL FOR UPDATE
""")
# Failures of the old address do not count against a new one.
_UPDATE: Final = text("""
UPDATE webhooks.endpoints SET url = :url, description = :description,
    types = CAST(:types AS text[]), actors = CAST(:actors AS text[]),
    topics = CAST(:topics AS text[]), kinds = CAST(:kinds AS text[]), ordered = :ordered,
    failures = CASE WHEN url = :url THEN failures ELSE 0 END,
    failing_since = CASE WHEN url = :url THEN failing_since END,
    probe_at = CASE WHEN url = :url THEN probe_at END
WHERE id = CAST(:id AS uuid)
""")
# A second pause changes nothing.
PAUSE: Final = text("""
UPDATE webhooks.endpoints SET paused_at = clock_timestamp(), paused_reason = :reason,
    paused_by = :by, from_seq = coalesce(from_seq,
        (SELECT size FROM webhooks.checkpoints WHERE name = 'fan_out'))
WHERE id = CAST(:id AS uuid) AND paused_at IS NULL AND deleted_at IS NULL
""")
# Deliveries that wait for a retry (lane 1) are due at once, with all their retries before them.
RESUME: Final = text("""
WITH resumed AS (
    UPDATE webhooks.endpoints SET paused_at = NULL, paused_reason = NULL, paused_by = NULL,
        failures = 0, failing_since = NULL, probe_at = NULL
    WHERE id = CAST(:id AS uuid) AND paused_at IS NOT NULL AND deleted_at IS NULL RETURNING id
)
UPDATE webhooks.deliveries d SET next_attempt_at = clock_timestamp(), tries = 0
FROM resumed r WHERE d.endpoint = r.id AND d.state = 'pending' AND d.lane = 1
""")
# Hides the endpoint from everybody at once; `purge` removes its log.
DELETE: Final = text("""
WITH deleted AS (
    UPDATE webhooks.endpoints SET deleted_at = clock_timestamp(), encrypted_secret = '',
        encrypted_old_secret = NULL, old_until = NULL
    WHERE id = CAST(:id AS uuid) AND deleted_at IS NULL RETURNING id
), interests AS (DELETE FROM webhooks.interests i USING deleted WHERE i.endpoint = deleted.id)
SELECT id FROM deleted
""")
# The old secret signs along for 24 hours; then `purge` deletes it.
_ROTATE: Final = text("""
UPDATE webhooks.endpoints SET encrypted_old_secret = encrypted_secret,
    encrypted_secret = :encrypted_secret,
    old_until = clock_timestamp() + interval '24 hours'
WHERE id = CAST(:id AS uuid) AND deleted_at IS NULL RETURNING old_until
""")
# Lane 3: ping.
_PING: Final = text("""
INSERT INTO webhooks.deliveries (endpoint, event, lane)
VALUES (CAST(:id AS uuid), CAST(:event AS uuid), 3) RETURNING id
""")


async def execute_on(
    conn: psycopg.AsyncConnection[Row], query: TextClause, **params: Any
) -> list[Row]:
    """Run a statement on this connection; the rows it returns, if it returns any."""
    cursor = await conn.execute(compiled(query), params, binary=True)
    return await cursor.fetchall() if cursor.description else []


async def execute_once(pool: Pool, query: TextClause, params: Mapping[str, Any]) -> list[Row]:
    """Run a statement that writes, once: `fetch_all` would retry after a lost connection."""
    async with pool.connection() as conn:
        return await execute_on(conn, query, **params)


async def create_endpoint(
    pool: Pool, cipher: SecretCipher, body: EndpointIn, url: str
) -> tuple[UUID, str]:
    """Create an endpoint; its id and its secret."""
    id_, secret = new_id(), new_secret()
    filter_ = filter_of(body)
    async with pool.connection() as conn, conn.transaction():
        size = (await execute_on(conn, SIZE))[0]["size"]
        await execute_on(
            conn,
            _INSERT,
            id=id_,
            url=url,
            description=body.description,
            ordered=body.ordered,
            **{part: list(getattr(filter_, part)) for part in FILTERS},
            encrypted_secret=cipher.encrypt(id_, secret),
            size=size,
        )
        await _insert_interests(conn, id_, filter_)
    return id_, secret


async def update_endpoint(pool: Pool, id_: UUID, new: Mapping[str, Any]) -> bool:
    """Change these columns of an endpoint; False if there is none."""
    async with pool.connection() as conn, conn.transaction():
        locked = await execute_on(conn, _LOCK, id=id_)
        if not locked:
            return False
        row = {**locked[0], **new}
        columns = ("url", "description", "ordered", *FILTERS)
        await execute_on(conn, _UPDATE, id=id_, **{name: row[name] for name in columns})
        await execute_on(conn, _DELETE_INTERESTS, id=id_)
        await _insert_interests(conn, id_, Filter.of(row))
    return True


async def _insert_interests(conn: psycopg.AsyncConnection[Row], id_: UUID, filter_: Filter) -> None:
    by, names = zip(*filter_.interests, strict=True)
    await execute_on(conn, _INSERT_INTERESTS, id=id_, by=list(by), names=list(names))


def filter_of(body: FilterIn) -> Filter:
    """The filter in a body, each name once."""
    return Filter(**{part: tuple(dict.fromkeys(getattr(body, part))) for part in FILTERS})


async def rotate_endpoint_secret(
    pool: Pool, cipher: SecretCipher, id_: UUID
) -> tuple[str, Row] | None:
    """Give an endpoint a new secret beside the old one; None if there is no such endpoint."""
    secret = new_secret()
    params = {"id": id_, "encrypted_secret": cipher.encrypt(id_, secret)}
    rotated = await execute_once(pool, _ROTATE, params)
    return (secret, rotated[0]) if rotated else None


async def queue_ping(pool: Pool, id_: UUID) -> int:
    """Queue a test; the id of its delivery."""
    (row,) = await execute_once(pool, _PING, {"id": id_, "event": new_id()})
    return int(row["id"])


def endpoint_out(row: Row) -> Endpoint:
    """The response model of a row of `ONE` or `LIST`."""
    paused = None
    if row["paused_at"] is not None:
        paused = Pause(at=row["paused_at"], reason=row["paused_reason"], by=row["paused_by"])
    columns = {name: row[name] for name in Endpoint.model_fields if name in row}
    derived = {
        "paused": paused,
        "secret_overlap_until": row["old_until"] if row["encrypted_old_secret"] else None,
        "replay": row["replay"] and replay_out(row["replay"]),
    }
    return Endpoint(**{**columns, **derived})


def replay_out(row: Mapping[str, Any]) -> Replay:
    """The response model of a row of `replays`."""
    sizes = {f"{name}_size": row[f"{name}_seq"] for name in ("from", "to", "at")}
    columns = {name: row[name] for name in ("id", "events", "queued", "asked_at", "ended_at")}
    return Replay(**sizes, **columns)
