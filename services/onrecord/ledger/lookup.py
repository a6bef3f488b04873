"""What a batch of requests needs of the ledger, read while its lock is held.

The state over which `domain.decisions` evaluates requests, and the entries that a request may
repeat. Used by `append`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import Pipeline, RawCursor

from onrecord.domain.decisions import Entity, LedgerState, entity_after, touches_after
from onrecord.domain.ids import EntityKind
from onrecord.domain.payload import references
from onrecord.domain.requests import Request, amended_ids, expected_revisions, referenced_ids
from onrecord.ledger.entry import Payload, decode, parse_touches
from onrecord.ledger.merkle import Frontier


class StoredEntry(NamedTuple):
    """An entry on record, with those of its payload sections that were not erased."""

    seq: int
    entry: bytes
    payloads: tuple[Payload, ...] = ()


@dataclass(frozen=True, slots=True)
class LockedLedger:
    """The end of the ledger, and what the requests of a batch name.

    `state.recorded_at`: the instant of the batch, never before that of the last one.
    `entries`: by event id, those that the batch may repeat. Evaluating adds the batch's own.
    """

    frontier: Frontier
    state: LedgerState
    entries: dict[UUID, StoredEntry] = field(default_factory=dict)


# One statement, because each costs a single writer as much as a third of its commit.
# $1: ids that the requests name, $2: those of them whose latest entry is needed, $3: ids of the new
# events. The first row is always there, as `(SELECT)` is one row, even if the ledger is empty.
_LOOK_UP: Final = """
SELECT NULL::uuid AS id, 'head' AS kind, head.size AS seq, NULL::bytea AS entry,
    clock_timestamp() AS now, head.recorded_at, head.frontier
FROM (SELECT) always
LEFT JOIN (SELECT * FROM ledger.commits ORDER BY size DESC LIMIT 1) head ON true
UNION ALL
SELECT ids.id, ids.kind, NULL, entries.entry, NULL, NULL, NULL
FROM ledger.ids
LEFT JOIN ledger.entries ON entries.seq = ids.seq AND ids.id = ANY ($2::uuid[])
WHERE ids.id = ANY ($1::uuid[])
UNION ALL
SELECT id, 'entry', seq, entry, NULL, NULL, NULL
FROM ledger.entries
WHERE id = ANY ($3::uuid[])
"""

_ENTRIES: Final = "SELECT id, seq, entry FROM ledger.entries WHERE id = ANY ($1::uuid[])"

_PAYLOADS: Final = """
SELECT seq, section, salt, value FROM ledger.payloads WHERE seq = ANY ($1::bigint[])
"""

_REVISIONS: Final = """
SELECT name, count(*) FROM ledger.touches
WHERE kind = 'pair' AND name = ANY ($1::text[])
GROUP BY name
"""


def read_locked_ledger(
    cursor: RawCursor[Any], pipeline: Pipeline, requests: Sequence[Request]
) -> LockedLedger:
    """Read what these requests need, in a round trip that includes the statements before it."""
    params = [
        list({id_ for request in requests for id_ in referenced_ids(request)}),
        list({id_ for request in requests for id_ in amended_ids(request)}),
        [draft.id for request in requests for draft in request.events],
    ]
    (_, _, size, _, now, last, hashes), *rows = _fetch(cursor, pipeline, _LOOK_UP, params)
    frontier = Frontier(size or 0, tuple(hashes or ()))
    ledger = LockedLedger(frontier, LedgerState(max(now, last or now)))
    for id_, kind, seq, entry, *_ in rows:
        if kind == "entry":
            ledger.entries[id_] = StoredEntry(seq, entry)
        else:
            ledger.state.entities[id_] = _entity(kind, entry)
    if ledger.entries:
        # an entry after those of the request means that the recorded request had a longer body
        beyond = [
            request.next_additional_id for request in requests if request.id in ledger.entries
        ]
        for id_, seq, entry in _fetch(cursor, pipeline, _ENTRIES, [beyond]):
            ledger.entries[id_] = StoredEntry(seq, entry)
        ids = {stored.seq: id_ for id_, stored in ledger.entries.items()}
        for seq, *payload in _fetch(cursor, pipeline, _PAYLOADS, [list(ids)]):
            stored = ledger.entries[ids[seq]]
            payloads = (*stored.payloads, Payload(*payload))
            ledger.entries[ids[seq]] = stored._replace(payloads=payloads)
    pairs = {
        f"{pair.actor}/{pair.topic}": pair
        for request in requests
        for pair in expected_revisions(request)
    }
    if pairs:
        ledger.state.revisions = dict.fromkeys(pairs.values(), 0)
        for name, revision in _fetch(cursor, pipeline, _REVISIONS, [list(pairs)]):
            ledger.state.revisions[pairs[name]] = revision
    return ledger


def _fetch(
    cursor: RawCursor[Any], pipeline: Pipeline, sql: str, params: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """The rows of a query in a pipeline.

    Each ends with a sync. Without one (psycopg would only flush) PostgreSQL does not count the
    transaction as idle afterwards, and a frozen process would hold the lock for ever.
    """
    cursor.execute(sql, params, prepare=True, binary=True)
    pipeline.sync()
    return cursor.fetchall()


def _entity(kind: EntityKind, latest: bytes | None) -> Entity:
    if latest is None:
        return Entity(kind)
    event = decode(latest, {}).event
    return entity_after(
        event, kind, touches_after(event, parse_touches(latest), tuple(references(event)))
    )
