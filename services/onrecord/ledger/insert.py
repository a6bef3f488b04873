"""How do accepted entries get into the tables?

One statement for all tables of a batch, fed with binary arrays. Called by `append`, whose
transaction has the ledger's lock by then.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from onrecord.domain.decisions import Fact
from onrecord.kit.sql import binary
from onrecord.kit.sql.pipeline import Statement
from onrecord.ledger.entry import Payload, leaf_hash
from onrecord.ledger.merkle import Frontier

INSERT: Final = Statement("""
WITH entries AS (
    INSERT INTO ledger.entries (seq, id, entry, leaf_hash)
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bytea[], $4::bytea[])
), payloads AS (
    INSERT INTO ledger.payloads (seq, section, salt, value)
    SELECT * FROM unnest($5::bigint[], $6::text[], $7::bytea[], $8::bytea[])
), touches AS (
    INSERT INTO ledger.touches (kind, name, seq)
    SELECT * FROM unnest($9::text[], $10::text[], $11::bigint[])
), made AS (
    INSERT INTO ledger.ids (id, kind, slug, seq)
    SELECT * FROM unnest($12::uuid[], $13::text[], $14::text[], $15::bigint[])
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq
)
INSERT INTO ledger.commits (size, recorded_at, root, frontier)
SELECT $16::bigint, $17::timestamptz, $18::bytea, $19::bytea[]
""")


class Row(NamedTuple):
    """An accepted fact, numbered and written as bytes."""

    seq: int
    fact: Fact
    entry: bytes
    payloads: tuple[Payload, ...]


def insertion(
    rows: Sequence[Row], frontier: Frontier, recorded_at: datetime
) -> tuple[list[bytes], Frontier]:
    """The parameters of `INSERT` for a batch that follows `frontier`, and the tree after it."""
    leaves = [leaf_hash(row.entry) for row in rows]
    after = frontier.extended(leaves)
    seqs = [row.seq for row in rows]
    payloads = [one for row in rows for one in row.payloads]
    touches = [touches_of(row.fact) for row in rows]
    things = things_of(rows)
    return [
        binary.integers(seqs),
        binary.uuids([row.fact.draft.id for row in rows]),
        binary.blobs([row.entry for row in rows]),
        binary.blobs(leaves),
        binary.repeated(seqs, [len(row.payloads) for row in rows]),
        binary.texts([one.section for one in payloads]),
        binary.blobs([one.salt for one in payloads]),
        binary.blobs([one.value for one in payloads]),
        binary.texts([kind for some in touches for kind, _ in some]),
        binary.texts([name for some in touches for _, name in some]),
        binary.repeated(seqs, [len(some) for some in touches]),
        binary.uuids(things),
        binary.texts([kind for kind, _, _ in things.values()]),
        binary.texts([slug for _, slug, _ in things.values()]),
        binary.integers([seq for _, _, seq in things.values()]),
        binary.integer(after.size),
        binary.instant(recorded_at),
        after.root(),
        binary.blobs(after.hashes),
    ], after


def touches_of(fact: Fact) -> list[tuple[str, str]]:
    """By what an entry is found: kind and name."""
    draft, touches = fact.draft, fact.touches
    found = [("type", draft.event.type)]
    if draft.event.amends == "statement":
        # by which an erasure finds every event of a statement; the one that made it has its id
        found.append(("statement", str(draft.subject)))
    found += [("actor", actor) for actor in touches.actors]
    found += [("topic", topic) for topic in touches.topics]
    found += [("pair", f"{pair.actor}/{pair.topic}") for pair in fact.pairs]
    return found


def things_of(rows: Sequence[Row]) -> dict[Any, tuple[str, str | None, int]]:
    """Each thing once, with the seq of its last event: ON CONFLICT takes no twins."""
    things: dict[Any, tuple[str, str | None, int]] = {}
    for row in rows:
        event = row.fact.draft.event
        if kind := event.makes or event.amends:
            slug = getattr(event, "id", None) if kind in ("actor", "topic") else None
            subject = row.fact.draft.subject
            before = things.get(subject)
            things[subject] = (kind, slug or (before and before[1]), row.seq)
    return things
