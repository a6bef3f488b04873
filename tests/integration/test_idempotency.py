"""Idempotent writes: concurrent repeats, repeats across committers, and after a crash.

`test_ledger` and `test_write_api` have the plain repeats, `test_erasure` those after an erasure.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain, repeat
from uuid import UUID, uuid4

import httpx2
import pytest
from psycopg.conninfo import make_conninfo

from onrecord.domain.events import (
    ActorRegistered,
    PayloadErased,
    StatementMade,
)
from onrecord.domain.ids import additional_event_id
from onrecord.domain.requests import Refusal, Request
from onrecord.entrypoints import app_factory
from onrecord.ledger.append import LOCK_KEY
from onrecord.ledger.evaluate import Answer
from onrecord.ledger.outcomes import OutcomeUnknown
from tests.support import bodies
from tests.support.committing import (
    STALL,
    Committer,
    committing,
    cut,
    lock_held,
    seed,
    stall_at_commit,
    submit,
    waiting,
)
from tests.support.histories import position, registration, request, statement_fields
from tests.support.processes import until
from tests.support.store import Store, run_api

SEEDED = 2


@pytest.fixture
def seeded(store: Store) -> Store:
    """A ledger with the actor Ann and the topic talks."""
    seed(store)
    return store


@pytest.fixture
def committers(seeded: Store) -> Iterator[tuple[Committer, Committer]]:
    """Two committers of the same ledger, as in two processes, each with its own connection."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(committing(seeded.url)).committer for _ in range(2))
        yield first, second


def statement(id_: UUID, words: str = "Words.", stance: str = "support") -> Request:
    """A statement with two positions along: three entries, or none."""
    event = StatementMade.model_validate(statement_fields("ann", "talks", words))
    return request(id_, event, position(stance=stance), position(stance=stance, order=1))


def at_once(
    seeded: Store, committers: tuple[Committer, Committer], first: Request, second: Request
) -> list[Answer | Refusal]:
    """Both committers wait for the lock with a request before either gets it."""
    with lock_held(seeded.url) as lock:
        outcomes = [submit(committers[0], first), submit(committers[1], second)]
        lock.wait_for(2)
        lock.release()
        return [outcome.result(10) for outcome in outcomes]


def test_the_same_write_at_two_committers_gets_the_same_answer(
    seeded: Store, committers: tuple[Committer, Committer]
) -> None:
    id_ = uuid4()
    results = at_once(seeded, committers, statement(id_), statement(id_))
    first, again = sorted(
        results, key=lambda result: isinstance(result, Answer) and result.repeated
    )
    assert isinstance(first, Answer)
    assert (SEEDED, SEEDED + 3, False) == (first.seq, first.size, first.repeated)
    assert replace(first, repeated=True) == again
    assert [id_, additional_event_id(id_, 0), additional_event_id(id_, 1)] == [
        event.id for event in seeded.events()[SEEDED:]
    ]


def test_of_two_concurrent_bodies_with_the_same_id_the_second_is_refused(
    seeded: Store, committers: tuple[Committer, Committer]
) -> None:
    id_ = uuid4()
    requests = [statement(id_, "One."), statement(id_, "Two.", "oppose")]
    results = at_once(seeded, committers, *requests)
    (index,) = [n for n, result in enumerate(results) if isinstance(result, Answer)]
    refused = results[1 - index]
    assert isinstance(refused, Refusal)
    assert "id-reused" == refused.reason
    drafts = [(draft.id, draft.event) for draft in requests[index].events]
    assert drafts == [(recorded.id, recorded.event) for recorded in seeded.events()[SEEDED:]]


def test_of_two_concurrent_registrations_of_a_slug_the_second_is_refused(
    seeded: Store, committers: tuple[Committer, Committer]
) -> None:
    both = [registration(ActorRegistered(id="ben", kind=kind)) for kind in ("person", "office")]
    results = at_once(seeded, committers, *both)
    assert ["slug-taken"] == [result.reason for result in results if isinstance(result, Refusal)]
    assert SEEDED + 1 == len(seeded.events())


def test_of_two_concurrent_requests_that_share_an_event_id_the_second_is_refused_whole(
    seeded: Store, committers: tuple[Committer, Committer]
) -> None:
    id_ = uuid4()
    results = at_once(
        seeded, committers, statement(id_), request(additional_event_id(id_, 1), position())
    )
    (accepted,) = [result for result in results if isinstance(result, Answer)]
    assert ["id-reused"] == [result.reason for result in results if isinstance(result, Refusal)]
    assert SEEDED + 1 + len(accepted.along) == accepted.size == len(seeded.events())


def test_the_same_write_twice_in_a_batch_is_recorded_once(seeded: Store) -> None:
    repeated_request = statement(uuid4())
    with committing(seeded.url) as running, lock_held(seeded.url) as lock:
        under_way = submit(running.committer, request(uuid4(), position()))
        lock.wait_for(1)
        with ThreadPoolExecutor(2) as pool:
            submissions = [
                pool.submit(submit, running.committer, repeated_request) for _ in range(2)
            ]
            outcomes = [future.result(10) for future in submissions]
        lock.release()
        results = [outcome.result(10) for outcome in outcomes]
        assert isinstance(under_way.result(10), Answer)
    assert all(isinstance(result, Answer) for result in results)
    assert [False, True] == sorted(
        result.repeated for result in results if isinstance(result, Answer)
    )
    assert 1 == len(
        {replace(result, repeated=True) for result in results if isinstance(result, Answer)}
    )
    assert SEEDED + 4 == len(seeded.events())


def test_the_same_post_at_two_servers_is_recorded_once(client: httpx2.Client, store: Store) -> None:
    bodies.register_all(client)
    body = bodies.statement(id=str(uuid4()), positions=[bodies.additional_position()])
    before = bodies.ledger_size(store.url)
    with (
        run_api(store.url) as other,
        ThreadPoolExecutor(2) as pool,
        lock_held(store.url) as lock,
    ):
        posts = [pool.submit(api.post, "/v1/statements", json=body) for api in (client, other)]
        lock.wait_for(2)
        lock.release()
        new, again = sorted(
            (future.result(10) for future in posts), key=lambda answer: -answer.status_code
        )
    assert (201, 200) == (new.status_code, again.status_code)
    assert (None, "true") == tuple(
        answer.headers.get("Idempotent-Replay") for answer in (new, again)
    )
    assert new.json() == again.json()
    assert before + 2 == bodies.ledger_size(store.url)


def test_the_same_line_twice_in_a_batch_is_a_single_write(
    client: httpx2.Client, store: Store
) -> None:
    bodies.register_all(client)
    before = bodies.ledger_size(store.url)
    line = bodies.line(
        "statement", uuid4(), bodies.statement(positions=[bodies.additional_position()])
    )
    other = {**line, "body": bodies.statement(venue="Elsewhere")}
    first, again, refused, last = bodies.send(client, bodies.ndjson([line, line, other, line]))
    assert [201, 200, 422, 200] == [result["status"] for result in (first, again, refused, last)]
    assert "/problems/id-reused" == refused["problem"]["type"]
    answers = [{k: result[k] for k in ("id", "seq", "size")} for result in (first, again, last)]
    assert [answers[0]] * 3 == answers
    assert before + 2 == bodies.ledger_size(store.url)


@pytest.fixture
def stalled(seeded: Store) -> Store:
    """A store whose COMMITs wait in the server while the lock `STALL` is held."""
    stall_at_commit(seeded.url)
    return seeded


def test_a_write_whose_answer_was_lost_at_commit_is_answered_by_another_process(
    stalled: Store,
) -> None:
    """The first committer loses the answer to its COMMIT; the repeat arrives while that runs."""
    repeated_request = statement(uuid4())
    unreachable = make_conninfo(stalled.url, host="127.0.0.1", port=1)
    urls = chain([stalled.url], repeat(unreachable))
    with (
        committing(stalled.url, lambda: app_factory.writer(next(urls))) as first,
        committing(stalled.url) as second,
        lock_held(stalled.url, STALL) as stall,
    ):
        lost = submit(first.committer, repeated_request)
        until(lambda: waiting(stall.conn, STALL) == 1, "the server is at COMMIT")
        cut(first.connections[0])
        assert isinstance(lost.exception(10), OutcomeUnknown)
        repeated = submit(second.committer, repeated_request)
        until(lambda: waiting(stall.conn, LOCK_KEY) == 1, "it is repeated")
        stall.release()
        result = repeated.result(10)
    assert isinstance(result, Answer)
    assert (SEEDED, SEEDED + 3, True) == (result.seq, result.size, result.repeated)
    assert [draft.id for draft in repeated_request.events] == [
        event.id for event in stalled.events()[SEEDED:]
    ]


def test_a_write_repeated_in_a_batch_with_its_erasure_is_not_recorded_again(seeded: Store) -> None:
    """Erased before, in, and after the batch that repeats it."""
    id_ = uuid4()
    repeated_request = statement(id_)
    erasure = request(uuid4(), PayloadErased(target=id_, sections=("content",), ground="gdpr-17"))
    first, erased, again = seeded.append(repeated_request, erasure, repeated_request)
    later = seeded.append(repeated_request, erasure)
    assert isinstance(first, Answer)
    assert isinstance(erased, Answer)
    assert (SEEDED, SEEDED + 3) == (first.seq, erased.seq)
    assert replace(first, repeated=True) == again
    assert [replace(answer, repeated=True) for answer in (first, erased)] == later
    assert SEEDED + 4 == len(seeded.events())
    assert {"content"} == seeded.events()[SEEDED].erased
