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
from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import Answer, seal_request
from onrecord.ledger.merkle import Frontier
from tests.support.histories import corrected, position, registration, request, statement_fields
from tests.support.ledgers import ANN, answers, seed_ledger, statement, table_rows
from tests.support.store import Store


@pytest.fixture
def seeded(store: Store) -> Store:
    return seed_ledger(store)


def test_a_repeated_write_gets_its_first_answer_whatever_happened_since(seeded: Store) -> None:
    statement_id, position_id = uuid4(), uuid4()
    requests = [
        *(ANN, request(statement_id, statement("One."), position(expected_revision=1))),
        request(position_id, position(stance="neutral")),
        request(uuid4(), corrected(position_id, actor="ben", topic="arms")),
        request(uuid4(), PositionRetracted(target=position_id, by="us")),
    ]
    first = answers(seeded.append(*requests))
    assert [answer.repeated for answer in first] == [True, False, False, False, False]
    correction = StatementCorrected(
        target=statement_id, by="us", replacement=statement_fields("ann", "talks", "Two.")
    )
    answers(seeded.append(request(uuid4(), correction), request(uuid4(), corrected(position_id))))
    before = table_rows(seeded)
    again = answers(seeded.append(*reversed(requests)))[::-1]
    assert [replace(answer, repeated=True) for answer in first] == again
    assert before == table_rows(seeded)


@pytest.mark.parametrize("batch", ["one batch", "two batches"])
def test_an_id_with_another_body_is_refused_and_changes_nothing(seeded: Store, batch: str) -> None:
    id_ = uuid4()
    original = request(id_, statement("One."), position())
    others = [
        request(id_, statement("Two."), position()),
        request(id_, statement("One."), position(stance="oppose")),
        request(id_, statement("One."), position(), position(topic="arms")),
        request(id_, statement("One.")),
        request(id_, position()),
    ]
    others.append(registration(ActorRegistered(id="ann", kind="group")))
    if batch == "two batches":
        answers(seeded.append(original))
    _, *results = seeded.append(original, *others)
    reasons = [isinstance(result, Refusal) and result.reason for result in results]
    assert [*["id-reused"] * 5, "slug-taken"] == reasons
    assert len(seeded.events()) == 8


def test_the_same_request_twice_in_one_batch_is_recorded_once(seeded: Store) -> None:
    repeated_request = request(uuid4(), statement(), position(), position())
    once, twice = answers(seeded.append(repeated_request, repeated_request))
    ids = [
        repeated_request.id,
        additional_event_id(repeated_request.id, 0),
        additional_event_id(repeated_request.id, 1),
    ]
    assert (6, 9, tuple(ids[1:]), False) == (once.seq, once.size, once.along, once.repeated)
    assert replace(once, repeated=True) == twice
    assert [event.id for event in seeded.events()[6:]] == ids


def test_a_refusal_does_not_affect_other_requests_of_the_batch(seeded: Store) -> None:
    valid = [request(uuid4(), position()) for _ in range(3)]
    unknown = request(uuid4(), statement(), position(topic="nothing"))
    conflict = request(uuid4(), position(expected_revision=99))
    results = seeded.append(valid[0], unknown, valid[1], conflict, valid[2])
    assert [Answer, Refusal, Answer, Refusal, Answer] == [type(result) for result in results]
    recorded = [event.id for event in seeded.events()]
    assert [write.id for write in valid] == recorded[-3:]
    assert not {unknown.id, conflict.id, additional_event_id(unknown.id, 0)} & {*recorded}


def test_an_additional_id_that_is_taken_refuses_only_its_request(seeded: Store) -> None:
    """The id of an additional position follows from its statement, so another event may use it."""
    position_id, id_ = uuid4(), uuid4()
    answers(seeded.append(request(position_id, position())))
    answers(
        seeded.append(
            request(additional_event_id(id_, 0), PositionRetracted(target=position_id, by="us"))
        )
    )
    refused, accepted = seeded.append(
        request(id_, statement(), position()), request(uuid4(), position(stance="oppose"))
    )
    assert isinstance(refused, Refusal)
    assert refused.reason == "id-reused"
    assert isinstance(accepted, Answer)


def test_the_revision_that_a_read_answers_is_the_one_that_a_write_must_expect(
    seeded: Store, client: Any
) -> None:
    """Also for a pair whose only position was retracted, and then corrected to another pair."""
    position_id = uuid4()
    requests = [
        request(position_id, position()),
        request(uuid4(), PositionRetracted(target=position_id, by="us")),
        request(uuid4(), corrected(position_id, topic="arms")),
    ]
    answers(seeded.append(*requests))
    seeded.catch_up()
    revision = client.get("/v1/actors/ann/topics/talks/position").json()["revision"]
    results = seeded.append(request(uuid4(), position(expected_revision=revision)))
    assert [Answer] == [type(result) for result in results], results


def test_seqs_are_dense_times_never_go_back_and_each_commit_has_its_root(seeded: Store) -> None:
    for n in range(20):
        answers(seeded.append(*(request(uuid4(), position(order=k)) for k in range(n % 4 + 1))))
    with db.connect(seeded.url, role="onrecord_audit") as conn:
        entries = conn.execute("SELECT seq, entry, leaf_hash FROM ledger.entries ORDER BY 1")
        seqs, entry_bytes, leaves = zip(*entries, strict=True)
        commits = conn.execute(
            "SELECT size, root, frontier, recorded_at FROM ledger.commits ORDER BY size"
        ).fetchall()
    assert list(range(len(seqs))) == list(seqs)
    assert [leaf_hash(entry) for entry in entry_bytes] == list(leaves)
    assert len(commits) == 21
    assert len(seqs) == commits[-1][0]
    for size, root, frontier, _ in commits:
        expected = Frontier().extended(leaves[:size])
        assert (expected.root(), list(expected.hashes)) == (root, frontier)
    times = [event.recorded_at for event in seeded.events()]
    assert sorted(times) == times
    for start, (size, _, _, at) in zip(
        [0, *(commit[0] for commit in commits)], commits, strict=False
    ):
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
    assert list(range(6, 56)) == [answer.seq for answer in answers(seeded.append(*large))]


def test_an_entry_that_is_too_large_is_refused_alone(seeded: Store) -> None:
    registrations = [
        registration(ActorRegistered(id=f"{'x' * 70}-{n}", kind="person")) for n in range(64)
    ]
    answers(seeded.append(*registrations))
    # each draft registers an actor, which has an id
    slugs = [registered.events[0].event.id for registered in registrations]  # type: ignore[attr-defined]
    speakers = [{"actor": slug, "on_behalf_of": slugs} for slug in slugs]
    too_large = StatementMade.model_validate(
        {**statement_fields("ann", "talks"), "speakers": speakers}
    )
    accepted, refused = seeded.append(request(uuid4(), position()), request(uuid4(), too_large))
    assert isinstance(accepted, Answer)
    assert isinstance(refused, Refusal)
    assert refused.reason == "entry-too-large"


def test_concurrent_writers_share_a_dense_order_and_lose_no_acknowledged_write(
    seeded: Store,
) -> None:
    writers, per_writer = 8, 50
    barrier = threading.Barrier(writers)

    def write(_: int) -> list[Answer]:
        with db.connect(seeded.url, role="onrecord_ingest") as conn:
            barrier.wait(30)
            requests = [request(uuid4(), position(order=n)) for n in range(per_writer)]
            return [
                answer
                for unsealed in requests
                for answer in answers(append(conn, [seal_request(unsealed)]))
            ]

    with ThreadPoolExecutor(writers) as pool:
        acknowledged = [answer for batch in pool.map(write, range(writers)) for answer in batch]
    events = seeded.events()
    assert [event.seq for event in events] == list(range(6 + writers * per_writer))
    assert {(answer.event, answer.seq, answer.recorded_at) for answer in acknowledged} == {
        (event.id, event.seq, event.recorded_at) for event in events[6:]
    }
    assert sorted(event.recorded_at for event in events) == [event.recorded_at for event in events]
