"""Idempotent writes: concurrent repeats, repeats across committers, and after a crash.

`test_ledger` and `test_write_door` have the plain repeats, `test_erasure` those after an erasure.
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
from tests.support.histories import position, registration, request, said
from tests.support.processes import until
from tests.support.store import Store, run_api

SEEDED = 2


@pytest.fixture
def seeded(store: Store) -> Store:
    """A record of Ann and talks."""
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
    event = StatementMade.model_validate(said("ann", "talks", words))
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
    found = at_once(seeded, committers, statement(id_), statement(id_))
    first, again = sorted(found, key=lambda one: isinstance(one, Answer) and one.repeated)
    assert isinstance(first, Answer)
    assert (SEEDED, SEEDED + 3, False) == (first.seq, first.size, first.repeated)
    assert replace(first, repeated=True) == again
    assert [id_, additional_event_id(id_, 0), additional_event_id(id_, 1)] == [
        one.id for one in seeded.events()[SEEDED:]
    ]


def test_of_two_concurrent_bodies_with_the_same_id_the_second_is_refused(
    seeded: Store, committers: tuple[Committer, Committer]
) -> None:
    id_ = uuid4()
    requests = [statement(id_, "One."), statement(id_, "Two.", "oppose")]
    found = at_once(seeded, committers, *requests)
    (won,) = [n for n, one in enumerate(found) if isinstance(one, Answer)]
    lost = found[1 - won]
    assert isinstance(lost, Refusal)
    assert "id-reused" == lost.reason
    drafts = [(draft.id, draft.event) for draft in requests[won].events]
    assert drafts == [(one.id, one.event) for one in seeded.events()[SEEDED:]]


def test_of_two_concurrent_registrations_of_a_slug_the_second_is_refused(
    seeded: Store, committers: tuple[Committer, Committer]
) -> None:
    both = [registration(ActorRegistered(id="ben", kind=kind)) for kind in ("person", "office")]
    found = at_once(seeded, committers, *both)
    assert ["slug-taken"] == [one.reason for one in found if isinstance(one, Refusal)]
    assert SEEDED + 1 == len(seeded.events())


def test_of_two_concurrent_writes_that_share_an_id_along_the_second_is_refused_whole(
    seeded: Store, committers: tuple[Committer, Committer]
) -> None:
    id_ = uuid4()
    found = at_once(
        seeded, committers, statement(id_), request(additional_event_id(id_, 1), position())
    )
    (won,) = [one for one in found if isinstance(one, Answer)]
    assert ["id-reused"] == [one.reason for one in found if isinstance(one, Refusal)]
    assert SEEDED + 1 + len(won.along) == won.size == len(seeded.events())


def test_the_same_write_twice_in_a_batch_is_recorded_once(seeded: Store) -> None:
    repeated_request = statement(uuid4())
    with committing(seeded.url) as running, lock_held(seeded.url) as lock:
        under_way = submit(running.committer, request(uuid4(), position()))
        lock.wait_for(1)
        with ThreadPoolExecutor(2) as pool:
            handed_in = [pool.submit(submit, running.committer, repeated_request) for _ in range(2)]
            outcomes = [one.result(10) for one in handed_in]
        lock.release()
        found = [one.result(10) for one in outcomes]
        assert isinstance(under_way.result(10), Answer)
    assert all(isinstance(one, Answer) for one in found)
    assert [False, True] == sorted(one.repeated for one in found if isinstance(one, Answer))
    assert 1 == len({replace(one, repeated=True) for one in found if isinstance(one, Answer)})
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
        posts = [pool.submit(one.post, "/v1/statements", json=body) for one in (client, other)]
        lock.wait_for(2)
        lock.release()
        new, again = sorted((one.result(10) for one in posts), key=lambda one: -one.status_code)
    assert (201, 200) == (new.status_code, again.status_code)
    assert (None, "true") == tuple(one.headers.get("Idempotent-Replay") for one in (new, again))
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
    assert [201, 200, 422, 200] == [one["status"] for one in (first, again, refused, last)]
    assert "urn:onrecord:problem:id-reused" == refused["problem"]["type"]
    told = [{k: one[k] for k in ("id", "seq", "size")} for one in (first, again, last)]
    assert [told[0]] * 3 == told
    assert before + 2 == bodies.ledger_size(store.url)


@pytest.fixture
def stalled(seeded: Store) -> Store:
    """A record whose COMMITs wait in the server while the lock `STALL` is held."""
    stall_at_commit(seeded.url)
    return seeded


def test_a_write_whose_answer_was_lost_at_commit_is_answered_by_another_process(
    stalled: Store,
) -> None:
    """The first committer does not learn of its COMMIT; the repeat comes while it still runs."""
    repeated_request = statement(uuid4())
    nowhere = make_conninfo(stalled.url, host="127.0.0.1", port=1)
    urls = chain([stalled.url], repeat(nowhere))
    with (
        committing(stalled.url, lambda: app_factory.writer(next(urls))) as dying,
        committing(stalled.url) as living,
        lock_held(stalled.url, STALL) as stall,
    ):
        lost = submit(dying.committer, repeated_request)
        until(lambda: waiting(stall.conn, STALL) == 1, "the server is at COMMIT")
        cut(dying.connections[0])
        assert isinstance(lost.exception(10), OutcomeUnknown)
        repeated = submit(living.committer, repeated_request)
        until(lambda: waiting(stall.conn, LOCK_KEY) == 1, "it is repeated")
        stall.release()
        found = repeated.result(10)
    assert isinstance(found, Answer)
    assert (SEEDED, SEEDED + 3, True) == (found.seq, found.size, found.repeated)
    assert [draft.id for draft in repeated_request.events] == [
        one.id for one in stalled.events()[SEEDED:]
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
    assert [replace(one, repeated=True) for one in (first, erased)] == later
    assert SEEDED + 4 == len(seeded.events())
    assert {"content"} == seeded.events()[SEEDED].erased
