"""What does the ledger hold of the things that a batch of requests names?

Called by `append` under the lock: the state that `domain.decisions` judges over, and the
entries that the batch could be repeating.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from onrecord.domain.decisions import (
    Request,
    State,
    Thing,
    amended,
    expected,
    is_retraction,
    named,
    standing,
)
from onrecord.domain.ids import Kind
from onrecord.ledger.entry import Payload, decode, touched


def load_state(conn: psycopg.Connection[Any], requests: Sequence[Request]) -> State:
    """The things that the requests name, and the revisions that they expect something of."""
    state = State()
    found = conn.execute(
        "SELECT i.id, i.kind, e.entry FROM ledger.ids i"
        " LEFT JOIN ledger.entries e ON e.seq = i.seq AND i.id = ANY(%b::uuid[])"
        " WHERE i.id = ANY(%b::uuid[])",
        [
            list({one for request in requests for one in amended(request)}),
            list({one for request in requests for one in named(request)}),
        ],
    )
    for thing, kind, entry in found:
        state.things[thing] = _thing(kind, entry)
    pairs = {f"{pair.actor}/{pair.topic}": pair for one in requests for pair in expected(one)}
    if pairs:
        counted = conn.execute(
            "SELECT name, count(*) FROM ledger.touches WHERE kind = 'pair'"
            " AND name = ANY(%b::text[]) GROUP BY name",
            [list(pairs)],
        )
        state.revisions = {**dict.fromkeys(pairs.values(), 0)}
        state.revisions.update((pairs[name], count) for name, count in counted)
    return state


def _thing(kind: Kind, latest: bytes | None) -> Thing:
    if latest is None:
        return Thing(kind)
    event = decode(latest, {}).event
    return Thing(kind, standing(event, touched(latest)), is_retraction(event))


@dataclass(slots=True)
class Seen:
    """Entries by event id, with what is left of their payload."""

    entries: dict[UUID, tuple[int, bytes]] = field(default_factory=dict)
    payloads: dict[UUID, dict[str, Payload]] = field(default_factory=dict)


def load_seen(conn: psycopg.Connection[Any], requests: Sequence[Request]) -> Seen:
    """The entries under the ids that the requests would give."""
    seen = Seen()
    candidates = {one.id for request in requests for one in request.drafts}
    candidates |= {request.beyond for request in requests}
    by_seq: dict[int, UUID] = {}
    for id_, seq, entry in conn.execute(
        "SELECT id, seq, entry FROM ledger.entries WHERE id = ANY(%b::uuid[])", [list(candidates)]
    ):
        seen.entries[id_], seen.payloads[id_], by_seq[seq] = (seq, entry), {}, id_
    if by_seq:
        for seq, section, salt, value in conn.execute(
            "SELECT seq, section, salt, value FROM ledger.payloads WHERE seq = ANY(%b::bigint[])",
            [list(by_seq)],
        ):
            seen.payloads[by_seq[seq]][section] = Payload(section, salt, value)
    return seen
