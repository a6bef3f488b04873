"""Group commit: concurrent requests share a transaction, each with an outcome of its own."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from onrecord.domain.requests import Refusal, Request
from onrecord.kit.sql import db
from onrecord.ledger import committer as committer_module
from onrecord.ledger.evaluate import Answer
from onrecord.ledger.outcomes import LedgerBusy
from tests.support import bodies
from tests.support.committing import (
    Committer,
    Outcome,
    answered,
    commits,
    committing,
    lock_held,
    position_request,
    seed,
    submit,
)
from tests.support.histories import position, request
from tests.support.processes import until
from tests.support.store import Store

SEEDED = [2]
"""The commits of `seeded`: the number of entries that each added."""


@pytest.fixture
def seeded(store: Store) -> Store:
    """A record of Ann and talks, in a single commit."""
    seed(store)
    return store


def submit_while_busy(
    record: Store, committer: Committer, requests: list[Request]
) -> list[Outcome]:
    """Submit requests while the committer records another one: they are its next batch."""
    with lock_held(record.url) as lock:
        other = submit(committer, position_request())
        lock.wait_for(1)
        outcomes = [submit(committer, request) for request in requests]
        lock.release()
        assert isinstance(other.result(10), Answer)
    return outcomes


def refusal(outcome: Outcome) -> str:
    result = outcome.result(10)
    assert isinstance(result, Refusal), result
    return result.reason


def test_pending_requests_share_a_transaction_up_to_256(seeded: Store) -> None:
    with committing(seeded.url) as running:
        requests = [position_request() for _ in range(300)]
        outcomes = submit_while_busy(seeded, running.committer, requests)
        places = [answered(outcome).seq for outcome in outcomes]
    assert [*SEEDED, 1, 256, 44] == commits(seeded.url)
    assert list(range(3, 303)) == places
    assert [request.id for request in requests] == [event.id for event in seeded.events()[3:]]
    assert 3 == len(running.notifications)
    assert 1 == len(running.connections)


def test_a_single_client_waits_for_no_other(seeded: Store) -> None:
    """Each request is submitted after the last was answered, so nothing could fill its batch."""
    with committing(seeded.url) as running:
        for _ in range(5):
            answered(submit(running.committer, position_request()))
    assert [*SEEDED, 1, 1, 1, 1, 1] == commits(seeded.url)


def test_each_request_of_a_batch_has_its_own_outcome(seeded: Store) -> None:
    first, id_ = position_request(), uuid4()
    seeded.append(first)
    with committing(seeded.url) as running:
        good, repeated, unknown, conflict, twice, again, reused, last = submit_while_busy(
            seeded,
            running.committer,
            [
                position_request(),
                first,
                request(uuid4(), position(topic="nothing")),
                request(uuid4(), position(expected_revision=0)),
                request(id_, position()),
                request(id_, position()),
                request(id_, position(stance="oppose")),
                position_request(),
            ],
        )
        assert (2, True) == (answered(repeated).seq, answered(repeated).repeated)
        assert "unknown-reference" == refusal(unknown)
        assert "revision-conflict" == refusal(conflict)
        assert "id-reused" == refusal(reused)
        assert [4, 5, 5, 6] == [answered(outcome).seq for outcome in (good, twice, again, last)]
        assert (False, True) == (answered(twice).repeated, answered(again).repeated)
    assert [*SEEDED, 1, 1, 3] == commits(seeded.url)


def plant_failure(url: str, id_: UUID) -> None:
    """Make the database reject this event, which is not a refusal."""
    with db.connect(url) as conn:
        conn.execute(f"ALTER TABLE ledger.entries ADD CONSTRAINT planted CHECK (id <> '{id_}')")


def test_requests_of_a_failed_batch_are_repeated_individually(
    seeded: Store,
) -> None:
    requests = [position_request() for _ in range(5)]
    plant_failure(seeded.url, requests[2].id)
    with committing(seeded.url) as running:
        outcomes = submit_while_busy(seeded, running.committer, requests)
        assert isinstance(outcomes[2].exception(10), psycopg.errors.CheckViolation)
        others = [outcome for n, outcome in enumerate(outcomes) if n != 2]
        assert [3, 4, 5, 6] == [answered(outcome).seq for outcome in others]
        assert 7 == answered(submit(running.committer, position_request())).seq
    assert [*SEEDED, 1, 1, 1, 1, 1, 1] == commits(seeded.url)


def test_a_cancelled_request_is_not_recorded_unless_its_batch_has_begun(seeded: Store) -> None:
    begun, cancelled, kept = position_request(), position_request(), position_request()
    with committing(seeded.url) as running:
        with lock_held(seeded.url) as lock:
            outcomes = [submit(running.committer, begun)]
            lock.wait_for(1)
            outcomes += [submit(running.committer, request) for request in (cancelled, kept)]
            for outcome in outcomes[:2]:
                outcome.outcomes.cancel()
            lock.release()
        assert 3 == answered(outcomes[2]).seq
    assert [begun.id, kept.id] == [event.id for event in seeded.events()[2:]]


def test_a_full_queue_answers_503_with_retry_after(
    client: httpx2.Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies.register_all(client)
    monkeypatch.setattr(committer_module, "MAX_PENDING", 3)
    before = bodies.ledger_size(store.url)
    requests = [bodies.position(id=str(uuid4())) for _ in range(5)]
    answers: dict[str, httpx2.Response] = {}

    def post(body: dict[str, Any]) -> None:
        answers[body["id"]] = client.post("/v1/positions", json=body)

    with ThreadPoolExecutor() as pool, lock_held(store.url) as lock:
        posts = [pool.submit(post, requests[0])]
        lock.wait_for(1)
        posts += [pool.submit(post, body) for body in requests[1:]]
        until(lambda: len(answers) == 1, "a request is answered while nothing can be recorded")
        (refused,) = [*answers]
        problem = bodies.expect_problem(answers[refused], 503, "busy")
        assert "repeat" in problem["detail"]
        assert answers[refused].headers["Retry-After"].isdigit()
        lock.release()
        for pending in posts:
            pending.result(10)
    again = next(body for body in requests if body["id"] == refused)
    assert [201] * 4 == [answer.status_code for id_, answer in answers.items() if id_ != refused]
    assert before + 4 == bodies.ledger_size(store.url)
    assert 201 == client.post("/v1/positions", json=again).status_code


def test_requests_submitted_together_are_queued_all_or_none_and_keep_their_order(
    seeded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer_module, "MAX_PENDING", 3)
    requests = [position_request() for _ in range(10)]
    with committing(seeded.url) as running, lock_held(seeded.url) as lock:
        many = running.committer.submit(requests[:5])  # beyond the limit, but the queue is empty
        lock.wait_for(1)
        two = running.committer.submit(requests[5:7])
        with pytest.raises(LedgerBusy):
            running.committer.submit(requests[7:9])
        last = running.committer.submit(requests[9:])
        lock.release()
        outcomes = [*many.result(10), *two.result(10), *last.result(10)]
    assert list(range(2, 10)) == [
        outcome.seq if isinstance(outcome, Answer) else outcome for outcome in outcomes
    ]
    assert [*SEEDED, 5, 3] == commits(seeded.url)
    expected = [request.id for request in (*requests[:7], requests[9])]
    assert expected == [event.id for event in seeded.events()[2:]]
