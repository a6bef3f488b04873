"""How do accepted entries get into the tables?

One statement for all tables of a batch, fed with binary arrays: psycopg's text arrays cost 57 us of
CPU an event, binary ones 6 (measured). Called by `append` under the ledger's lock, in its
transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from onrecord.domain.decisions import Fact
from onrecord.ledger.entry import Payload, leaf_hash
from onrecord.ledger.merkle import Frontier

_INSERT: Final = """
WITH entries AS (
    INSERT INTO ledger.entries (seq, id, entry, leaf_hash)
    SELECT * FROM unnest(
        %(seq)b::bigint[], %(id)b::uuid[], %(entry)b::bytea[], %(leaf_hash)b::bytea[])
), payloads AS (
    INSERT INTO ledger.payloads (seq, section, salt, value)
    SELECT * FROM unnest(
        %(payload_seq)b::bigint[], %(section)b::text[], %(salt)b::bytea[], %(value)b::bytea[])
), touches AS (
    INSERT INTO ledger.touches (kind, name, seq)
    SELECT * FROM unnest(%(touch_kind)b::text[], %(touch_name)b::text[], %(touch_seq)b::bigint[])
), made AS (
    INSERT INTO ledger.ids (id, kind, slug, seq)
    SELECT * FROM unnest(
        %(thing)b::uuid[], %(thing_kind)b::text[], %(slug)b::text[], %(thing_seq)b::bigint[])
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq
)
INSERT INTO ledger.commits (size, recorded_at, root, frontier)
VALUES (%(size)s, %(recorded_at)s, %(root)b, %(frontier)b::bytea[])
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An accepted fact, numbered and written as bytes."""

    seq: int
    fact: Fact
    entry: bytes
    payloads: tuple[Payload, ...]


def insert(
    conn: psycopg.Connection[Any], rows: Sequence[Row], frontier: Frontier, recorded_at: datetime
) -> None:
    """Insert a batch that follows on `frontier`."""
    leaves = [leaf_hash(row.entry) for row in rows]
    after = frontier.extended(leaves)
    payloads = [(row.seq, one) for row in rows for one in row.payloads]
    touches = [(kind, name, row.seq) for row in rows for kind, name in _touches(row.fact)]
    things = _things(rows)
    conn.execute(
        _INSERT,
        {
            "seq": [row.seq for row in rows],
            "id": [row.fact.draft.id for row in rows],
            "entry": [row.entry for row in rows],
            "leaf_hash": leaves,
            "payload_seq": [seq for seq, _ in payloads],
            "section": [one.section for _, one in payloads],
            "salt": [one.salt for _, one in payloads],
            "value": [one.value for _, one in payloads],
            "touch_kind": [kind for kind, _, _ in touches],
            "touch_name": [name for _, name, _ in touches],
            "touch_seq": [seq for _, _, seq in touches],
            "thing": list(things),
            "thing_kind": [kind for kind, _, _ in things.values()],
            "slug": [slug for _, slug, _ in things.values()],
            "thing_seq": [seq for _, _, seq in things.values()],
            "size": after.size,
            "recorded_at": recorded_at,
            "root": after.root(),
            "frontier": list(after.hashes),
        },
    )


def _touches(fact: Fact) -> list[tuple[str, str]]:
    event = fact.draft.event
    # by which an erasure finds every event of a statement; the one that made it has its id
    of = [("statement", str(event.subject(fact.draft.id)))] if event.amends == "statement" else []
    return [
        ("type", event.type),
        *of,
        *(("actor", actor) for actor in fact.touches.actors),
        *(("topic", topic) for topic in fact.touches.topics),
        *(("pair", f"{pair.actor}/{pair.topic}") for pair in fact.pairs),
    ]


def _things(rows: Sequence[Row]) -> dict[Any, tuple[str, str | None, int]]:
    """Each thing once, with the seq of its last event: ON CONFLICT takes no twins."""
    things: dict[Any, tuple[str, str | None, int]] = {}
    for row in rows:
        event = row.fact.draft.event
        if kind := event.makes or event.amends:
            slug = getattr(event, "id", None) if kind in ("actor", "topic") else None
            subject = event.subject(row.fact.draft.id)
            before = things.get(subject)
            things[subject] = (kind, slug or (before and before[1]), row.seq)
    return things
