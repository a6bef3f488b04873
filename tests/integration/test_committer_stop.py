"""Stopping a committer: pending requests get an outcome, and new ones are refused."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from psycopg.conninfo import make_conninfo

from onrecord.domain.requests import Request
from onrecord.entrypoints import infrastructure
from onrecord.ledger import committer as committer_module
from onrecord.ledger.outcomes import LedgerBusy, LedgerUnavailable
from tests.support.committing import (
    Committer,
    Outcome,
    Running,
    answered,
    committing,
    lock_held,
    position_request,
    seed,
    submit,
)
from tests.support.processes import until
from tests.support.store import Store

ROUNDS = 20
"""Stops while clients submit."""


@pytest.fixture
def seeded(store: Store) -> Store:
    """A record of Ann and talks, in a single commit."""
    seed(store)
    return store


def test_stop_records_pending_requests_and_takes_no_more(
    seeded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer_module, "MAX_PENDING", 3)
    with committing(seeded.url) as running, lock_held(seeded.url) as lock:
        outcomes = [submit(running.committer, position_request())]
        lock.wait_for(1)
        outcomes += [submit(running.committer, position_request()) for _ in range(3)]
        with pytest.raises(LedgerBusy):
            submit(running.committer, position_request())
        stopping = threading.Thread(target=running.committer.stop)
        stopping.start()
        until(lambda: is_closed(running.committer), "it takes no more requests")
        assert stopping.is_alive()
        lock.release()
        stopping.join(10)
        assert not stopping.is_alive()
        assert [2, 3, 4, 5] == [answered(outcome).seq for outcome in outcomes]
        with pytest.raises(LedgerUnavailable):
            submit(running.committer, position_request())
    assert 6 == len(seeded.events())


def is_closed(committer: Committer) -> bool:
    try:
        submit(committer, position_request())
    except LedgerUnavailable:
        return True
    except LedgerBusy:
        return False
    raise AssertionError("it took another request though it was full")


@pytest.fixture
def fast_switching() -> Iterator[None]:
    """Threads switch as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("fast_switching")
def test_every_request_submitted_around_a_stop_gets_an_outcome(
    seeded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All clients submit the same request again and again, so that a round costs little."""
    monkeypatch.setattr(committer_module, "MAX_PENDING", 1_000_000)
    request = position_request()
    for _ in range(ROUNDS):
        outcomes: list[Outcome] = []
        with committing(seeded.url) as running, ThreadPoolExecutor() as pool:
            writers = [
                pool.submit(submit_until_refused, running, request, outcomes) for _ in range(4)
            ]
            until(partial(more_than, 20, outcomes), "clients submit")
            running.committer.stop()
            for writer in writers:
                writer.result(10)
            assert [] == [outcome for outcome in outcomes if not outcome.outcomes.done()]
        assert {2} == {answered(outcome).seq for outcome in outcomes}
    assert 3 == len(seeded.events())


def more_than(number: int, outcomes: list[Outcome]) -> bool:
    return len(outcomes) > number


def submit_until_refused(running: Running, request: Request, outcomes: list[Outcome]) -> None:
    while True:
        try:
            outcomes.append(submit(running.committer, request))
        except LedgerUnavailable:
            return


def test_stop_while_the_database_is_away_fails_pending_requests(seeded: Store) -> None:
    nowhere = make_conninfo(seeded.url, host="127.0.0.1", port=1)
    with committing(nowhere) as running:
        outcomes = [submit(running.committer, position_request()) for _ in range(20)]
    assert {LedgerUnavailable} == {type(outcome.exception(0)) for outcome in outcomes}
    assert 2 == len(seeded.events())


def test_a_failed_notification_does_not_stop_the_committer(seeded: Store) -> None:
    def fail(_: object) -> None:
        raise OSError("no broker")

    committer = Committer(lambda: infrastructure.writer(seeded.url), on_commit=fail)
    assert [2, 3] == [answered(submit(committer, position_request())).seq for _ in range(2)]
    committer.stop()
    committer.close()
