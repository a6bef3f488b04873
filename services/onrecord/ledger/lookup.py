"""What does the ledger hold of the things that a batch of requests names?

Called by `append` under the lock: the state that `domain.decisions` judges over, and the
entries that the batch could be repeating.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from onrecord.domain.decisions import Entity, LedgerState, entity_after, touches_after
from onrecord.domain.ids import EntityKind
from onrecord.domain.payload import references
from onrecord.domain.requests import Pair, Request, amended_ids, expected_revisions, referenced_ids
from onrecord.kit.sql import binary
from onrecord.kit.sql.pipeline import Call, Connection, Statement
from onrecord.ledger.entry import Payload, decode, touched
from onrecord.ledger.merkle import Frontier


class Held(NamedTuple):
    """An entry on record, with what is left of its payload."""

    seq: int
    entry: bytes
    payloads: tuple[Payload, ...] = ()


class Head(NamedTuple):
    """The ledger's end, and the database's clock while the lock is held."""

    frontier: Frontier
    clock: datetime


@dataclass(frozen=True, slots=True)
class Now:
    """The ledger as a batch finds it."""

    size: int
    recorded_at: datetime
    """Of the batch: never before that of the last one."""
    state: LedgerState = field(default_factory=LedgerState)
    seen: dict[UUID, Held] = field(default_factory=dict)
    """By event id."""


_LOOK: Final = Statement("""
SELECT NULL::uuid, 'head', c.size, NULL::bytea, clock_timestamp(), c.recorded_at, c.frontier
FROM (SELECT) one LEFT JOIN (SELECT * FROM ledger.commits ORDER BY size DESC LIMIT 1) c ON true
UNION ALL
SELECT i.id, i.kind, NULL, e.entry, NULL, NULL, NULL FROM ledger.ids i
LEFT JOIN ledger.entries e ON e.seq = i.seq AND i.id = ANY($2::uuid[])
WHERE i.id = ANY($1::uuid[])
UNION ALL
SELECT id, 'entry', seq, entry, NULL, NULL, NULL FROM ledger.entries WHERE id = ANY($3::uuid[])
""")
"""The head, which always gives a row, the things named, and the entries under ids to be written:
in one statement, as each costs a single writer as much as a third of its commit.
"""


def look(
    conn: Connection, requests: Sequence[Request], *, after: Sequence[Call]
) -> tuple[Now, Head]:
    """All that judging and numbering these requests takes, as it is `after` these statements."""
    state, seen = LedgerState(), dict[UUID, Held]()
    asked = _LOOK(
        binary.uuids({one for request in requests for one in referenced_ids(request)}),
        binary.uuids({one for request in requests for one in amended_ids(request)}),
        binary.uuids({one.id for request in requests for one in request.events}),
    )
    *_, found = conn.trip(*after, asked)
    (_, _, size, _, clock, last, hashes), *rest = found
    for id_, kind, seq, entry, *_ in rest:
        if kind == "entry":
            seen[id_] = Held(seq, entry)
        else:
            state.entities[id_] = _thing(kind, entry)
    if seen:
        _load_rest(conn, requests, seen)
    state.revisions = _revisions(conn, requests)
    head = Head(Frontier(size or 0, tuple(hashes or ())), clock)
    return Now(head.frontier.size, max(clock, last or clock), state, seen), head


def _load_rest(conn: Connection, requests: Sequence[Request], seen: dict[UUID, Held]) -> None:
    """What repeats are compared with: payloads, and what came along with the first beyond these."""
    beyond = [one.next_additional_id for one in requests if one.id in seen]
    for id_, seq, entry in conn.execute(
        "SELECT id, seq, entry FROM ledger.entries WHERE id = ANY(%b::uuid[])", [beyond]
    ):
        seen[id_] = Held(seq, entry)
    ids = {held.seq: id_ for id_, held in seen.items()}
    for seq, *payload in conn.execute(
        "SELECT seq, section, salt, value FROM ledger.payloads WHERE seq = ANY(%b::bigint[])",
        [list(ids)],
    ):
        held = seen[ids[seq]]
        seen[ids[seq]] = held._replace(payloads=(*held.payloads, Payload(*payload)))


def _revisions(conn: Connection, requests: Sequence[Request]) -> dict[Pair, int]:
    pairs = {
        f"{pair.actor}/{pair.topic}": pair for one in requests for pair in expected_revisions(one)
    }
    found = dict.fromkeys(pairs.values(), 0)
    if pairs:
        for name, count in conn.execute(
            "SELECT name, count(*) FROM ledger.touches WHERE kind = 'pair'"
            " AND name = ANY(%b::text[]) GROUP BY name",
            [list(pairs)],
        ):
            found[pairs[name]] = count
    return found


def _thing(kind: EntityKind, latest: bytes | None) -> Entity:
    if latest is None:
        return Entity(kind)
    event = decode(latest, {}).event
    return entity_after(
        event, kind, touches_after(event, touched(latest), tuple(references(event)))
    )
