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
from onrecord.domain.events import changes_findings
from onrecord.domain.ids import EntityKind
from onrecord.domain.payload import references
from onrecord.domain.requests import (
    Request,
    amended_ids,
    dismissals,
    numbered_pairs,
    referenced_ids,
)
from onrecord.ledger.entry import Payload, decode, parse_touches
from onrecord.ledger.merkle import Frontier
from onrecord.ledger.pipelines import fetch_in_pipeline
from onrecord.ledger.revisions import read_revisions


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
# events, $4: pairs, as `actor/topic`, of each of which the newest entry is found. The first row is
# always there, as `(SELECT)` is one row, even if the ledger is empty.
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
UNION ALL
SELECT NULL, pair.name, NULL, (
    SELECT entry FROM ledger.entries WHERE seq = (
        SELECT max(seq) FROM ledger.touches WHERE kind = 'pair' AND touches.name = pair.name)),
    NULL, NULL, NULL
FROM unnest($4::text[]) pair (name)
"""

_ENTRIES: Final = "SELECT id, seq, entry FROM ledger.entries WHERE id = ANY ($1::uuid[])"

_EVENTS_OF_STATEMENTS: Final = """
SELECT entries.entry
FROM ledger.touches JOIN ledger.entries USING (seq)
WHERE touches.kind = 'statement' AND touches.name = ANY ($1::text[]) AND touches.seq >= $2::bigint
ORDER BY touches.seq
"""

_PAYLOADS: Final = """
SELECT seq, section, salt, value FROM ledger.payloads WHERE seq = ANY ($1::bigint[])
"""


def read_locked_ledger(
    cursor: RawCursor[Any], pipeline: Pipeline, requests: Sequence[Request]
) -> LockedLedger:
    """Read what these requests need, in a round trip that includes the statements before it."""
    newest: dict[str, bytes | None] = {}
    params = [
        list({id_ for request in requests for id_ in referenced_ids(request)}),
        list({id_ for request in requests for id_ in amended_ids(request)}),
        [draft.id for request in requests for draft in request.events],
        list({str(pair) for request in requests for pair in numbered_pairs(request)}),
    ]
    (_, _, size, _, now, last, hashes), *rows = fetch_in_pipeline(
        cursor, pipeline, _LOOK_UP, params
    )
    frontier = Frontier(size or 0, tuple(hashes or ()))
    ledger = LockedLedger(frontier, LedgerState(max(now, last or now), size=frontier.size))
    for id_, kind, seq, entry, *_ in rows:
        if kind == "entry":
            ledger.entries[id_] = StoredEntry(seq, entry)
        elif id_ is None:  # of a pair, whose name stands in place of a kind
            newest[kind] = entry
        else:
            ledger.state.entities[id_] = _entity(kind, entry)
    if ledger.entries:
        # an entry after those of the request means that the recorded request had a longer body
        beyond = [
            request.next_additional_id for request in requests if request.id in ledger.entries
        ]
        for id_, seq, entry in fetch_in_pipeline(cursor, pipeline, _ENTRIES, [beyond]):
            ledger.entries[id_] = StoredEntry(seq, entry)
        ids = {stored.seq: id_ for id_, stored in ledger.entries.items()}
        for seq, *payload in fetch_in_pipeline(cursor, pipeline, _PAYLOADS, [list(ids)]):
            stored = ledger.entries[ids[seq]]
            payloads = (*stored.payloads, Payload(*payload))
            ledger.entries[ids[seq]] = stored._replace(payloads=payloads)
    ledger.state.revisions = read_revisions(
        cursor, pipeline, requests, ledger.state.entities, newest
    )
    _note_erasures(cursor, pipeline, requests, ledger.state)
    return ledger


def _note_erasures(
    cursor: RawCursor[Any], pipeline: Pipeline, requests: Sequence[Request], state: LedgerState
) -> None:
    """Erasures of the statements that dismissals are about: `ids` does not count them."""
    events = [event for request in requests for event in dismissals(request)]
    if not events:
        return
    names = list({str(id_) for event in events for id_ in event.statements})
    since = min(event.known_size for event in events)
    for (entry,) in fetch_in_pipeline(cursor, pipeline, _EVENTS_OF_STATEMENTS, [names, since]):
        recorded = decode(entry, {})
        if changes_findings(recorded.event) and recorded.subject in state.entities:
            before = state.entities[recorded.subject]
            state.entities[recorded.subject] = before._replace(changed_seq=recorded.seq)


def _entity(kind: EntityKind, latest: bytes | None) -> Entity:
    if latest is None:
        return Entity(kind)
    recorded = decode(latest, {})
    event, touches = recorded.event, parse_touches(latest)
    after = touches_after(event, touches, tuple(references(event)))
    return entity_after(event, kind, after, recorded.seq)
