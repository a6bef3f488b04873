"""Numbers of events within each pair: in every entry about positions, dense and without a gap."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onrecord.domain.events import PositionRetracted
from onrecord.domain.requests import Request
from onrecord.kit.sql import db
from tests.support import postgres
from tests.support.histories import corrected, position, request
from tests.support.ledgers import answers, seed_ledger
from tests.support.store import Store, open_store

NUMBERS = """
SELECT convert_from(entries.entry, 'UTF8')::jsonb #>> ARRAY['revisions', touches.name] AS written,
    row_number() OVER (PARTITION BY touches.name ORDER BY seq)::text AS counted
FROM ledger.touches JOIN ledger.entries USING (seq)
WHERE touches.kind = 'pair'
"""
"""The number of each event in its entry, and what the index of touches counts."""
V1_ENTRY = """
WITH old AS (
    SELECT seq, (jsonb_set(convert_from(entry, 'UTF8')::jsonb, '{v}', '1') - 'revisions') AS entry
    FROM ledger.entries
)
UPDATE ledger.entries SET entry = convert_to(old.entry::text, 'UTF8'),
    leaf_hash = sha256('\\x00'::bytea || convert_to(old.entry::text, 'UTF8'))
FROM old WHERE old.seq = entries.seq
"""
PAIRS = st.sampled_from([("ann", "talks"), ("ann", "arms"), ("ben", "talks")])
WRITES = st.lists(
    st.tuples(st.sampled_from(["record", "correct", "retract"]), PAIRS, st.integers(0, 9)),
    max_size=12,
)


def requests_of(writes: list[tuple[str, tuple[str, str], int]], ids: list[UUID]) -> list[Request]:
    """Requests that record positions (their ids are added), or amend one of those."""
    requests = []
    for what, (actor, topic), n in writes:
        if what == "record" or not ids:
            ids.append(uuid4())
            requests.append(request(ids[-1], position(actor=actor, topic=topic)))
        elif what == "correct":
            target = ids[n % len(ids)]
            requests.append(request(uuid4(), corrected(target, actor=actor, topic=topic)))
        else:
            target = ids[n % len(ids)]
            requests.append(request(uuid4(), PositionRetracted(target=target, by="us")))
    return requests


def numbers(store: Store) -> list[tuple[str | None, str]]:
    with db.connect(store.url) as conn:
        return conn.execute(NUMBERS).fetchall()


@pytest.fixture(scope="module")
def shared_store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as opened:
        yield seed_ledger(opened)


@settings(max_examples=15, deadline=None)
@given(batches=st.lists(WRITES, max_size=4))
def test_every_event_of_a_pair_has_the_next_number(
    shared_store: Store, batches: list[list[tuple[str, tuple[str, str], int]]]
) -> None:
    """Whatever is recorded, moved to another pair or retracted, in one batch or in several."""
    ids: list[UUID] = []
    for batch in batches:
        shared_store.append(*requests_of(batch, ids))
    assert [pair for pair in numbers(shared_store) if pair[0] != pair[1]] == []


def test_numbers_go_on_from_entries_that_have_none(store: Store) -> None:
    """Entries of version 1, as earlier releases wrote them."""
    seed_ledger(store)
    id_ = uuid4()
    answers(store.append(request(id_, position()), request(uuid4(), position())))
    with db.connect(store.url) as conn:
        conn.execute("ALTER TABLE ledger.entries DISABLE TRIGGER ALL")
        conn.execute(V1_ENTRY)
        conn.execute("ALTER TABLE ledger.entries ENABLE ALWAYS TRIGGER entries_refuse_update")
    moved = request(uuid4(), corrected(id_, topic="arms"))
    answers(store.append(request(uuid4(), position(expected_revision=3)), moved))
    with db.connect(store.url) as conn:
        rows = conn.execute("SELECT entry FROM ledger.entries ORDER BY seq DESC LIMIT 2").fetchall()
    moved_entry, position_entry = (orjson.loads(entry) for (entry,) in rows)
    assert {"ann/talks": 4} == position_entry["revisions"]
    assert {"ann/talks": 5, "ann/arms": 1} == moved_entry["revisions"]
