"""Insertion of a batch: one statement for all tables of the ledger, and its parameters.

Used by `append`, whose transaction holds the ledger's lock by then.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from onrecord.domain.decisions import AcceptedEvent
from onrecord.domain.events import FindingDismissed
from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.ledger.entry import Payload
from onrecord.ledger.lookup import LockedLedger

INSERT: Final = """
WITH entries AS (
    INSERT INTO ledger.entries (seq, id, entry, leaf_hash)
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bytea[], $4::bytea[])
), payloads AS (
    INSERT INTO ledger.payloads (seq, section, salt, value)
    SELECT * FROM unnest($5::bigint[], $6::text[], $7::bytea[], $8::bytea[])
), touches AS (
    INSERT INTO ledger.touches (kind, name, seq)
    SELECT * FROM unnest($9::text[], $10::text[], $11::bigint[])
), ids AS (
    INSERT INTO ledger.ids (id, kind, slug, seq)
    SELECT * FROM unnest($12::uuid[], $13::text[], $14::text[], $15::bigint[])
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq
)
INSERT INTO ledger.commits (size, recorded_at, root, frontier)
VALUES ($16::bigint, $17::timestamptz, $18::bytea, $19::bytea[])
"""

INSERT_SUBTREES: Final = """
INSERT INTO ledger.subtrees (level, n, hash)
SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])
"""
"""A statement of its own: only one entry in 256 completes a subtree."""


class NewEntry(NamedTuple):
    """An accepted fact, numbered and encoded."""

    seq: int
    fact: AcceptedEvent
    entry: bytes
    payloads: tuple[Payload, ...]


def insert_params(
    entries: Sequence[NewEntry], ledger: LockedLedger
) -> tuple[list[Any], list[Any] | None]:
    """The parameters for entries that follow the end of the ledger.

    Those of `INSERT`, and those of `INSERT_SUBTREES`, None if no subtree is completed.
    """
    leaf_hashes = [leaf_hash(entry.entry) for entry in entries]
    frontier, subtrees = ledger.frontier.append(leaf_hashes)
    payloads = [(entry.seq, payload) for entry in entries for payload in entry.payloads]
    touches = [(*touch, entry.seq) for entry in entries for touch in touches_rows(entry.fact)]
    ids = ids_rows(entries)
    params = [
        [entry.seq for entry in entries],
        [entry.fact.proposed.id for entry in entries],
        [entry.entry for entry in entries],
        leaf_hashes,
        [seq for seq, _ in payloads],
        [payload.section for _, payload in payloads],
        [payload.salt for _, payload in payloads],
        [payload.value for _, payload in payloads],
        [kind for kind, _, _ in touches],
        [name for _, name, _ in touches],
        [seq for _, _, seq in touches],
        list(ids),
        [kind for kind, _, _ in ids.values()],
        [slug for _, slug, _ in ids.values()],
        [seq for _, _, seq in ids.values()],
        frontier.size,
        ledger.state.recorded_at,
        frontier.root(),
        list(frontier.hashes),
    ]
    return params, [list(column) for column in zip(*subtrees, strict=True)] or None


def touches_rows(fact: AcceptedEvent) -> list[tuple[str, str]]:
    """The kinds and names under which an entry is found, as rows of `ledger.touches`."""
    draft, touches = fact.proposed, fact.touches
    rows = [("type", draft.event.type)]
    if "statement" in (draft.event.amends, draft.event.erases):
        # By it all entries of a statement are found but the first, whose id is the target's.
        rows.append(("statement", str(draft.subject)))
    if isinstance(draft.event, FindingDismissed):
        # By it the erasure of a statement's reasons finds the reason of the dismissal.
        rows += [("finding", str(statement)) for statement in draft.event.statements]
    rows += [("actor", actor) for actor in touches.actors]
    rows += [("topic", topic) for topic in touches.topics]
    rows += [("pair", str(pair)) for pair in fact.pairs]
    return rows


def ids_rows(entries: Sequence[NewEntry]) -> dict[UUID, tuple[str, str | None, int]]:
    """Kind, slug and seq of the latest event by id, as rows of `ledger.ids`.

    An id stands in it once, as ON CONFLICT takes no row twice.
    """
    rows: dict[UUID, tuple[str, str | None, int]] = {}
    for entry in entries:
        event = entry.fact.proposed.event
        if kind := event.makes or event.amends:
            rows[entry.fact.proposed.subject] = (kind, event.slug, entry.seq)
    return rows
