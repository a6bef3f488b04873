"""`append`: a dense order of entries, idempotent writes, refusals, times and roots."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from onrecord.domain.events import (
    ActorRegistered,
    PositionRetracted,
    StatementCorrected,
    StatementMade,
)
from onrecord.domain.ids import additional_event_id
from onrecord.domain.requests import Refusal
from onrecord.kit.sql import db
from onrecord.ledger.append import append
from onrecord.ledger.entry import leaf_hash
from onrecord.ledger.evaluate import Answer, seal_request
from onrecord.ledger.merkle import Frontier
from tests.support.histories import corrected, position, registration, request, said
from tests.support.ledgers import ANN, answers, seed_cast, statement, table_rows
from tests.support.store import Store


@pytest.fixture
def seeded(store: Store) -> Store:
    return seed_cast(store)


def test_a_repeated_write_gets_its_first_answer_whatever_happened_since(seeded: Store) -> None:
    stated, held = uuid4(), uuid4()
    asked = [
        *(ANN, request(stated, statement("One."), position(expected_revision=1))),
        request(held, position(stance="neutral")),
        request(uuid4(), corrected(held, actor="ben", topic="arms")),
        request(uuid4(), PositionRetracted(target=held, by="us")),
    ]
    first = answers(seeded.append(*asked))
    assert [one.repeated for one in first] == [True, False, False, False, False]
    words = StatementCorrected(target=stated, by="us", replacement=said("ann", "talks", "Two."))
    answers(seeded.append(request(uuid4(), words), request(uuid4(), corrected(held))))
    before = table_rows(seeded)
    again = answers(seeded.append(*reversed(asked)))[::-1]
    assert [replace(one, repeated=True) for one in first] == again
    assert before == table_rows(seeded)


@pytest.mark.parametrize("batch", ["one batch", "two batches"])
def test_an_id_with_another_body_is_refused_and_changes_nothing(seeded: Store, batch: str) -> None:
    id_ = uuid4()
    asked = request(id_, statement("One."), position())
    others = [
        request(id_, statement("Two."), position()),
        request(id_, statement("One."), position(stance="oppose")),
        request(id_, statement("One."), position(), position(topic="arms")),
        request(id_, statement("One.")),
        request(id_, position()),
    ]
    others.append(registration(ActorRegistered(id="ann", kind="group")))
    if batch == "two batches":
        answers(seeded.append(asked))
    _, *found = seeded.append(asked, *others)
    reasons = [isinstance(one, Refusal) and one.reason for one in found]
    assert [*["id-reused"] * 5, "slug-taken"] == reasons
    assert len(seeded.events()) == 8


def test_the_same_request_twice_in_one_batch_is_recorded_once(seeded: Store) -> None:
    asked = request(uuid4(), statement(), position(), position())
    once, twice = answers(seeded.append(asked, asked))
    ids = [asked.id, additional_event_id(asked.id, 0), additional_event_id(asked.id, 1)]
    assert (6, 9, tuple(ids[1:]), False) == (once.seq, once.size, once.along, once.repeated)
    assert replace(once, repeated=True) == twice
    assert [one.id for one in seeded.events()[6:]] == ids


def test_a_refusal_does_not_affect_other_requests_of_the_batch(seeded: Store) -> None:
    good = [request(uuid4(), position()) for _ in range(3)]
    unknown = request(uuid4(), statement(), position(topic="nothing"))
    conflict = request(uuid4(), position(expected_revision=99))
    found = seeded.append(good[0], unknown, good[1], conflict, good[2])
    assert [Answer, Refusal, Answer, Refusal, Answer] == [type(one) for one in found]
    recorded = [one.id for one in seeded.events()]
    assert [one.id for one in good] == recorded[-3:]
    assert not {unknown.id, conflict.id, additional_event_id(unknown.id, 0)} & {*recorded}


def test_a_taken_id_along_a_request_is_refused_alone(seeded: Store) -> None:
    """The id of a position along with a statement can be computed, and used by another event."""
    held, id_ = uuid4(), uuid4()
    answers(seeded.append(request(held, position())))
    answers(
        seeded.append(request(additional_event_id(id_, 0), PositionRetracted(target=held, by="us")))
    )
    refused, fine = seeded.append(
        request(id_, statement(), position()), request(uuid4(), position(stance="oppose"))
    )
    assert isinstance(refused, Refusal)
    assert refused.reason == "id-reused"
    assert isinstance(fine, Answer)


def test_the_revision_that_a_read_answers_is_the_one_that_a_write_must_expect(
    seeded: Store, client: Any
) -> None:
    """Even for a pair that a position left while it was retracted."""
    held = uuid4()
    moved = [
        request(held, position()),
        request(uuid4(), PositionRetracted(target=held, by="us")),
        request(uuid4(), corrected(held, topic="arms")),
    ]
    answers(seeded.append(*moved))
    seeded.catch_up()
    told = client.get("/v1/actors/ann/topics/talks/position").json()["revision"]
    found = seeded.append(request(uuid4(), position(expected_revision=told)))
    assert [Answer] == [type(one) for one in found], found


def test_seqs_are_dense_times_never_go_back_and_each_commit_has_its_root(seeded: Store) -> None:
    for n in range(20):
        answers(seeded.append(*(request(uuid4(), position(order=k)) for k in range(n % 4 + 1))))
    with db.connect(seeded.url, role="onrecord_audit") as conn:
        entries = conn.execute("SELECT seq, entry, leaf_hash FROM ledger.entries ORDER BY 1")
        seqs, written, leaves = zip(*entries, strict=True)
        commits = conn.execute(
            "SELECT size, root, frontier, recorded_at FROM ledger.commits ORDER BY size"
        ).fetchall()
    assert list(range(len(seqs))) == list(seqs)
    assert [leaf_hash(one) for one in written] == list(leaves)
    assert len(commits) == 21
    assert len(seqs) == commits[-1][0]
    for size, root, frontier, _ in commits:
        expected = Frontier().extended(leaves[:size])
        assert (expected.root(), list(expected.hashes)) == (root, frontier)
    times = [one.recorded_at for one in seeded.events()]
    assert sorted(times) == times
    for start, (size, _, _, at) in zip([0, *(one[0] for one in commits)], commits, strict=False):
        assert {at} == set(times[start:size])


def test_recorded_at_waits_for_a_clock_that_went_back(seeded: Store) -> None:
    future = datetime(9000, 1, 1, tzinfo=UTC)
    with db.connect(seeded.url, role="onrecord_ingest") as conn:
        tree = Frontier().extended(bytes([n]) * 32 for n in range(7))
        values = [tree.size, future, tree.root(), list(tree.hashes)]
        conn.execute("INSERT INTO ledger.commits VALUES (%s, %s, %s, %s)", values)
        (answer,) = answers(append(conn, [seal_request(request(uuid4(), position()))]))
    assert future == answer.recorded_at


def test_a_batch_that_exceeds_the_buffers_of_a_socket_is_recorded(seeded: Store) -> None:
    large = [request(uuid4(), statement("w" * 100_000)) for _ in range(50)]
    assert list(range(6, 56)) == [one.seq for one in answers(seeded.append(*large))]


def test_an_entry_that_is_too_large_is_refused_alone(seeded: Store) -> None:
    names = [registration(ActorRegistered(id=f"{'x' * 70}-{n}", kind="person")) for n in range(64)]
    answers(seeded.append(*names))
    # each draft registers an actor, which has an id
    slugs = [one.events[0].event.id for one in names]  # type: ignore[attr-defined]
    speakers = [{"actor": slug, "on_behalf_of": slugs} for slug in slugs]
    huge = StatementMade.model_validate({**said("ann", "talks"), "speakers": speakers})
    fine, refused = seeded.append(request(uuid4(), position()), request(uuid4(), huge))
    assert isinstance(fine, Answer)
    assert isinstance(refused, Refusal)
    assert refused.reason == "entry-too-large"


def test_concurrent_writers_share_a_dense_order_and_lose_no_acknowledged_write(
    seeded: Store,
) -> None:
    writers, each = 8, 50
    together = threading.Barrier(writers)

    def write(_: int) -> list[Answer]:
        with db.connect(seeded.url, role="onrecord_ingest") as conn:
            together.wait(30)
            asked = [request(uuid4(), position(order=n)) for n in range(each)]
            return [
                answer for one in asked for answer in answers(append(conn, [seal_request(one)]))
            ]

    with ThreadPoolExecutor(writers) as pool:
        acknowledged = [one for found in pool.map(write, range(writers)) for one in found]
    events = seeded.events()
    assert [one.seq for one in events] == list(range(6 + writers * each))
    assert {(one.event, one.seq, one.recorded_at) for one in acknowledged} == {
        (one.id, one.seq, one.recorded_at) for one in events[6:]
    }
    assert sorted(one.recorded_at for one in events) == [one.recorded_at for one in events]
