"""Is one write one write, however often and from wherever at once it is asked for?

Here at once, across committers, and after a crash; `test_ledger` and `test_write_door` have the
plain repetitions, `test_erasure` those after the words are gone.
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

from onrecord.domain.decisions import Refusal, Request
from onrecord.domain.events import (
    ActorRegistered,
    PayloadErased,
    StatementMade,
)
from onrecord.domain.ids import along_id
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
    stage,
    stall_at_commit,
    submit,
    waiting,
)
from tests.support.histories import position, registration, request, said
from tests.support.processes import until
from tests.support.record import Record, serving

STAGED = 2


@pytest.fixture
def staged(on_record: Record) -> Record:
    """A record of Ann and of talks."""
    stage(on_record)
    return on_record


@pytest.fixture
def two(staged: Record) -> Iterator[tuple[Committer, Committer]]:
    """Two committers of one ledger: two processes' worth, each with a connection."""
    with ExitStack() as stack:
        one, other = (stack.enter_context(committing(staged.url)).committer for _ in range(2))
        yield one, other


def statement(id_: UUID, words: str = "Words.", stance: str = "support") -> Request:
    """A statement with two positions along: three entries, or none."""
    made = StatementMade.model_validate(said("ann", "talks", words))
    return request(id_, made, position(stance=stance), position(stance=stance, order=1))


def at_once(
    staged: Record, two: tuple[Committer, Committer], one: Request, other: Request
) -> list[Answer | Refusal]:
    """Both committers come to the lock with a request before either gets it."""
    with lock_held(staged.url) as lock:
        outcomes = [submit(two[0], one), submit(two[1], other)]
        lock.wait_for(2)
        lock.release()
        return [outcome.result(10) for outcome in outcomes]


def test_of_one_write_at_two_committers_at_once_both_get_the_one_answer(
    staged: Record, two: tuple[Committer, Committer]
) -> None:
    id_ = uuid4()
    found = at_once(staged, two, statement(id_), statement(id_))
    first, again = sorted(found, key=lambda one: isinstance(one, Answer) and one.repeated)
    assert isinstance(first, Answer)
    assert (STAGED, STAGED + 3, False) == (first.seq, first.size, first.repeated)
    assert replace(first, repeated=True) == again
    assert [id_, along_id(id_, 0), along_id(id_, 1)] == [one.id for one in staged.events()[STAGED:]]


def test_of_two_bodies_under_one_id_at_once_one_wins_and_the_other_is_refused(
    staged: Record, two: tuple[Committer, Committer]
) -> None:
    id_ = uuid4()
    asked = [statement(id_, "One."), statement(id_, "Two.", "oppose")]
    found = at_once(staged, two, *asked)
    (won,) = [n for n, one in enumerate(found) if isinstance(one, Answer)]
    lost = found[1 - won]
    assert isinstance(lost, Refusal)
    assert "id-reused" == lost.reason
    drafts = [(draft.id, draft.event) for draft in asked[won].drafts]
    assert drafts == [(one.id, one.event) for one in staged.events()[STAGED:]]


def test_of_two_registrations_of_one_slug_at_once_one_wins(
    staged: Record, two: tuple[Committer, Committer]
) -> None:
    both = [registration(ActorRegistered(id="ben", kind=kind)) for kind in ("person", "office")]
    found = at_once(staged, two, *both)
    assert ["slug-taken"] == [one.reason for one in found if isinstance(one, Refusal)]
    assert STAGED + 1 == len(staged.events())


def test_of_an_id_along_that_another_write_takes_at_once_one_is_recorded_whole(
    staged: Record, two: tuple[Committer, Committer]
) -> None:
    id_ = uuid4()
    found = at_once(staged, two, statement(id_), request(along_id(id_, 1), position()))
    (won,) = [one for one in found if isinstance(one, Answer)]
    assert ["id-reused"] == [one.reason for one in found if isinstance(one, Refusal)]
    assert STAGED + 1 + len(won.along) == won.size == len(staged.events())


def test_one_write_twice_in_one_committers_batch_is_recorded_once(staged: Record) -> None:
    asked = statement(uuid4())
    with committing(staged.url) as made, lock_held(staged.url) as lock:
        under_way = submit(made.committer, request(uuid4(), position()))
        lock.wait_for(1)
        with ThreadPoolExecutor(2) as pool:
            handed_in = [pool.submit(submit, made.committer, asked) for _ in range(2)]
            outcomes = [one.result(10) for one in handed_in]
        lock.release()
        found = [one.result(10) for one in outcomes]
        assert isinstance(under_way.result(10), Answer)
    assert all(isinstance(one, Answer) for one in found)
    assert [False, True] == sorted(one.repeated for one in found if isinstance(one, Answer))
    assert 1 == len({replace(one, repeated=True) for one in found if isinstance(one, Answer)})
    assert STAGED + 4 == len(staged.events())


def test_one_post_at_two_doors_at_once_is_recorded_by_one_and_repeated_by_the_other(
    client: httpx2.Client, on_record: Record
) -> None:
    bodies.stage(client)
    body = bodies.statement(id=str(uuid4()), positions=[bodies.along()])
    before = bodies.ledger_size(on_record.url)
    with (
        serving(on_record.url) as other,
        ThreadPoolExecutor(2) as pool,
        lock_held(on_record.url) as lock,
    ):
        posts = [pool.submit(one.post, "/v1/statements", json=body) for one in (client, other)]
        lock.wait_for(2)
        lock.release()
        new, again = sorted((one.result(10) for one in posts), key=lambda one: -one.status_code)
    assert (201, 200) == (new.status_code, again.status_code)
    assert (None, "true") == tuple(one.headers.get("Idempotent-Replay") for one in (new, again))
    assert new.json() == again.json()
    assert before + 2 == bodies.ledger_size(on_record.url)


def test_one_line_twice_in_a_batch_is_answered_as_one_write(
    client: httpx2.Client, on_record: Record
) -> None:
    bodies.stage(client)
    before = bodies.ledger_size(on_record.url)
    line = bodies.line("statement", uuid4(), bodies.statement(positions=[bodies.along()]))
    other = {**line, "body": bodies.statement(venue="Elsewhere")}
    first, again, refused, last = bodies.send(client, bodies.ndjson([line, line, other, line]))
    assert [201, 200, 422, 200] == [one["status"] for one in (first, again, refused, last)]
    assert "urn:onrecord:problem:id-reused" == refused["problem"]["type"]
    told = [{k: one[k] for k in ("id", "seq", "size")} for one in (first, again, last)]
    assert [told[0]] * 3 == told
    assert before + 2 == bodies.ledger_size(on_record.url)


@pytest.fixture
def stalled(staged: Record) -> Record:
    """A record whose COMMITs wait in the server while the lock `STALL` is held."""
    stall_at_commit(staged.url)
    return staged


def test_a_write_whose_answer_was_lost_at_commit_gets_it_from_the_next_process(
    stalled: Record,
) -> None:
    """The first committer never hears of its COMMIT; it is repeated while that is still going on"""
    asked = statement(uuid4())
    nowhere = make_conninfo(stalled.url, host="127.0.0.1", port=1)
    urls = chain([stalled.url], repeat(nowhere))
    with (
        committing(stalled.url, lambda: app_factory.writer(next(urls))) as dying,
        committing(stalled.url) as living,
        lock_held(stalled.url, STALL) as stall,
    ):
        lost = submit(dying.committer, asked)
        until(lambda: waiting(stall.conn, STALL) == 1, "the server is at COMMIT")
        cut(dying.connections[0])
        assert isinstance(lost.exception(10), OutcomeUnknown)
        repeated = submit(living.committer, asked)
        until(lambda: waiting(stall.conn, LOCK_KEY) == 1, "it is asked for again")
        stall.release()
        found = repeated.result(10)
    assert isinstance(found, Answer)
    assert (STAGED, STAGED + 3, True) == (found.seq, found.size, found.repeated)
    assert [draft.id for draft in asked.drafts] == [one.id for one in stalled.events()[STAGED:]]


def test_a_write_that_shares_a_batch_with_its_erasure_is_still_one_write(staged: Record) -> None:
    """Erased before, in, and after the batch in which it is repeated."""
    id_ = uuid4()
    asked = statement(id_)
    erasure = request(uuid4(), PayloadErased(target=id_, sections=("content",), ground="gdpr-17"))
    first, erased, again = staged.append(asked, erasure, asked)
    later = staged.append(asked, erasure)
    assert isinstance(first, Answer)
    assert isinstance(erased, Answer)
    assert (STAGED, STAGED + 3) == (first.seq, erased.seq)
    assert replace(first, repeated=True) == again
    assert [replace(one, repeated=True) for one in (first, erased)] == later
    assert STAGED + 4 == len(staged.events())
    assert {"content"} == staged.events()[STAGED].erased
