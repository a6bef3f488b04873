"""Is everyone answered when a committer stops, and is nobody left hanging?"""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from psycopg.conninfo import make_conninfo

from onrecord.domain.decisions import Request
from onrecord.entrypoints import app_factory
from onrecord.ledger import committer as committer_module
from onrecord.ledger.outcomes import LedgerBusy, LedgerUnavailable
from tests.support.committing import (
    Committer,
    Committing,
    Outcome,
    answered,
    ask,
    committing,
    lock_held,
    stage,
    submit,
)
from tests.support.processes import until
from tests.support.record import Record

ROUNDS = 20
"""Stops that writers are in the way of."""


@pytest.fixture
def staged(on_record: Record) -> Record:
    """A record of Ann and of talks, in one commit."""
    stage(on_record)
    return on_record


def test_a_clean_stop_finishes_what_waits_and_takes_nothing_more(
    staged: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer_module, "MAX_PENDING", 3)
    with committing(staged.url) as made, lock_held(staged.url) as lock:
        outcomes = [submit(made.committer, ask())]
        lock.wait_for(1)
        outcomes += [submit(made.committer, ask()) for _ in range(3)]
        with pytest.raises(LedgerBusy):
            submit(made.committer, ask())
        stopping = threading.Thread(target=made.committer.stop)
        stopping.start()
        until(lambda: is_closed(made.committer), "it takes nothing more")
        assert stopping.is_alive()
        lock.release()
        stopping.join(10)
        assert not stopping.is_alive()
        assert [2, 3, 4, 5] == [answered(one).seq for one in outcomes]
        with pytest.raises(LedgerUnavailable):
            submit(made.committer, ask())
    assert 6 == len(staged.events())


def is_closed(committer: Committer) -> bool:
    try:
        submit(committer, ask())
    except LedgerUnavailable:
        return True
    except LedgerBusy:
        return False
    raise AssertionError("it took another one though it was full")


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hurried")
def test_no_request_that_is_handed_in_around_a_stop_is_left_hanging(
    staged: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All hand in the same request, over and over: a round costs little, and there is room."""
    monkeypatch.setattr(committer_module, "MAX_PENDING", 1_000_000)
    asked = ask()
    for _ in range(ROUNDS):
        outcomes: list[Outcome] = []
        with committing(staged.url) as made, ThreadPoolExecutor() as pool:
            writers = [pool.submit(hand_in_until_refused, made, asked, outcomes) for _ in range(4)]
            until(partial(more_than, 20, outcomes), "writers are under way")
            made.committer.stop()
            for one in writers:
                one.result(10)
            assert [] == [one for one in outcomes if not one.outcomes.done()]
        assert {2} == {answered(one).seq for one in outcomes}
    assert 3 == len(staged.events())


def more_than(number: int, outcomes: list[Outcome]) -> bool:
    return len(outcomes) > number


def hand_in_until_refused(made: Committing, asked: Request, outcomes: list[Outcome]) -> None:
    while True:
        try:
            outcomes.append(submit(made.committer, asked))
        except LedgerUnavailable:
            return


def test_a_stop_while_the_ledger_is_away_tells_all_who_wait(staged: Record) -> None:
    nowhere = make_conninfo(staged.url, host="127.0.0.1", port=1)
    with committing(nowhere) as made:
        outcomes = [submit(made.committer, ask()) for _ in range(20)]
    assert {LedgerUnavailable} == {type(one.exception(0)) for one in outcomes}
    assert 2 == len(staged.events())


def test_a_bell_that_fails_stops_nobody_from_writing(staged: Record) -> None:
    def fail() -> None:
        raise OSError("no bell")

    committer = Committer(lambda: app_factory.writer(staged.url), on_commit=fail)
    assert [2, 3] == [answered(submit(committer, ask())).seq for _ in range(2)]
    committer.stop()
    committer.close()
