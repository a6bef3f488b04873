"""Do writers who ask at once share a transaction, each with an outcome of its own?"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from onrecord.domain.decisions import Refusal, Request
from onrecord.kit.sql import db
from onrecord.ledger import committer as committer_module
from onrecord.ledger.evaluate import Answer
from onrecord.ledger.outcomes import LedgerBusy
from tests.support import bodies
from tests.support.committing import (
    Committer,
    Outcome,
    answered,
    ask,
    commits,
    committing,
    lock_held,
    stage,
    submit,
)
from tests.support.histories import position, request
from tests.support.processes import until
from tests.support.record import Record

STAGED = [2]
"""The commits of `staged`, by the entries that each added."""


@pytest.fixture
def staged(on_record: Record) -> Record:
    """A record of Ann and of talks, in one commit."""
    stage(on_record)
    return on_record


def behind_another(made: Record, committer: Committer, asked: list[Request]) -> list[Outcome]:
    """Hand in requests while the committer is busy with another one: they gather behind it."""
    with lock_held(made.url) as lock:
        other = submit(committer, ask())
        lock.wait_for(1)
        outcomes = [submit(committer, one) for one in asked]
        lock.release()
        assert isinstance(other.result(10), Answer)
    return outcomes


def refusal(outcome: Outcome) -> str:
    found = outcome.result(10)
    assert isinstance(found, Refusal), found
    return found.reason


def test_requests_that_gather_share_a_transaction_up_to_256_of_them(staged: Record) -> None:
    with committing(staged.url) as made:
        asked = [ask() for _ in range(300)]
        outcomes = behind_another(staged, made.committer, asked)
        places = [answered(one).seq for one in outcomes]
    assert [*STAGED, 1, 256, 44] == commits(staged.url)
    assert list(range(3, 303)) == places
    assert [one.id for one in asked] == [one.id for one in staged.events()[3:]]
    assert 3 == len(made.told)
    assert 1 == len(made.connections)


def test_one_writer_alone_waits_for_nobody(staged: Record) -> None:
    """Each is answered before the next one asks, so nothing else could have filled its batch."""
    with committing(staged.url) as made:
        for _ in range(5):
            answered(submit(made.committer, ask()))
    assert [*STAGED, 1, 1, 1, 1, 1] == commits(staged.url)


def test_what_becomes_of_one_request_of_a_batch_is_told_to_its_writer_alone(staged: Record) -> None:
    first, id_ = ask(), uuid4()
    staged.append(first)
    with committing(staged.url) as made:
        good, repeated, unknown, conflict, twice, again, reused, last = behind_another(
            staged,
            made.committer,
            [
                ask(),
                first,
                request(uuid4(), position(topic="nothing")),
                request(uuid4(), position(expected_revision=0)),
                request(id_, position()),
                request(id_, position()),
                request(id_, position(stance="oppose")),
                ask(),
            ],
        )
        assert (2, True) == (answered(repeated).seq, answered(repeated).repeated)
        assert "unknown-reference" == refusal(unknown)
        assert "revision-conflict" == refusal(conflict)
        assert "id-reused" == refusal(reused)
        assert [4, 5, 5, 6] == [answered(one).seq for one in (good, twice, again, last)]
        assert (False, True) == (answered(twice).repeated, answered(again).repeated)
    assert [*STAGED, 1, 1, 3] == commits(staged.url)


def plant_failure(url: str, id_: UUID) -> None:
    """Have the database itself fail on this event, as no refusal of ours foresees."""
    with db.connect(url) as conn:
        conn.execute(f"ALTER TABLE ledger.entries ADD CONSTRAINT planted CHECK (id <> '{id_}')")


def test_a_batch_that_fails_is_repeated_one_by_one_so_that_only_the_guilty_one_fails(
    staged: Record,
) -> None:
    asked = [ask() for _ in range(5)]
    plant_failure(staged.url, asked[2].id)
    with committing(staged.url) as made:
        outcomes = behind_another(staged, made.committer, asked)
        assert isinstance(outcomes[2].exception(10), psycopg.errors.CheckViolation)
        innocent = [one for n, one in enumerate(outcomes) if n != 2]
        assert [3, 4, 5, 6] == [answered(one).seq for one in innocent]
        assert 7 == answered(submit(made.committer, ask())).seq
    assert [*STAGED, 1, 1, 1, 1, 1, 1] == commits(staged.url)


def test_a_writer_who_has_gone_away_is_not_recorded_unless_it_had_begun(staged: Record) -> None:
    begun, goes, stays = ask(), ask(), ask()
    with committing(staged.url) as made:
        with lock_held(staged.url) as lock:
            outcomes = [submit(made.committer, begun)]
            lock.wait_for(1)
            outcomes += [submit(made.committer, one) for one in (goes, stays)]
            for one in outcomes[:2]:
                one.outcomes.cancel()
            lock.release()
        assert 3 == answered(outcomes[2]).seq
    assert [begun.id, stays.id] == [one.id for one in staged.events()[2:]]


def test_a_writer_who_finds_the_queue_full_is_told_to_come_back(
    client: httpx2.Client, on_record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies.stage(client)
    monkeypatch.setattr(committer_module, "MAX_PENDING", 3)
    before = bodies.ledger_size(on_record.url)
    asked = [bodies.position(id=str(uuid4())) for _ in range(5)]
    answers: dict[str, httpx2.Response] = {}

    def post(body: dict[str, Any]) -> None:
        answers[body["id"]] = client.post("/v1/positions", json=body)

    with ThreadPoolExecutor() as pool, lock_held(on_record.url) as lock:
        posts = [pool.submit(post, asked[0])]
        lock.wait_for(1)
        posts += [pool.submit(post, one) for one in asked[1:]]
        until(lambda: len(answers) == 1, "one of five is answered while nothing can be recorded")
        (refused,) = [*answers]
        problem = bodies.refused(answers[refused], 503, "busy")
        assert "repeat" in problem["detail"]
        assert answers[refused].headers["Retry-After"].isdigit()
        lock.release()
        for one in posts:
            one.result(10)
    again = next(one for one in asked if one["id"] == refused)
    assert [201] * 4 == [one.status_code for id_, one in answers.items() if id_ != refused]
    assert before + 4 == bodies.ledger_size(on_record.url)
    assert 201 == client.post("/v1/positions", json=again).status_code


def test_requests_handed_in_together_are_all_taken_or_none_and_stay_in_their_order(
    staged: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer_module, "MAX_PENDING", 3)
    asked = [ask() for _ in range(10)]
    with committing(staged.url) as made, lock_held(staged.url) as lock:
        many = made.committer.submit(asked[:5])  # more than may wait, but nobody waits yet
        lock.wait_for(1)
        two = made.committer.submit(asked[5:7])
        with pytest.raises(LedgerBusy):
            made.committer.submit(asked[7:9])
        one = made.committer.submit(asked[9:])
        lock.release()
        found = [*many.result(10), *two.result(10), *one.result(10)]
    assert list(range(2, 10)) == [one.seq if isinstance(one, Answer) else one for one in found]
    assert [*STAGED, 5, 3] == commits(staged.url)
    expected = [found.id for found in (*asked[:7], asked[9])]
    assert expected == [found.id for found in staged.events()[2:]]
