"""Outcomes of requests when the database or the process fails meanwhile."""

import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from onrecord.entrypoints import infrastructure
from onrecord.kit.sql import db
from onrecord.ledger.append import LOCK_KEY
from onrecord.ledger.insert import insert_params
from onrecord.ledger.outcomes import OutcomeUnknown
from tests.support.committing import (
    STALL,
    answered,
    committing,
    cut,
    lock_held,
    position_request,
    seed,
    stall_at_commit,
    stall_at_insert,
    submit,
    waiting,
)
from tests.support.histories import position, request
from tests.support.processes import until
from tests.support.store import Store


@pytest.fixture
def seeded(store: Store) -> Store:
    """A record of Ann and talks, in a single commit."""
    seed(store)
    return store


@pytest.mark.parametrize("committed", [True, False], ids=["it was", "it was not"])
@pytest.mark.parametrize("stall", [stall_at_commit, stall_at_insert])
def test_after_a_lost_connection_the_outcome_of_a_batch_is_looked_up(
    seeded: Store, committed: bool, stall: Callable[[str], None]
) -> None:
    """COMMIT is sent with the insertion, so the server may have it already."""
    stall(seeded.url)
    requests = [position_request() for _ in range(3)]
    with committing(seeded.url) as running, lock_held(seeded.url, STALL) as stalled:
        outcomes = [submit(running.committer, request) for request in requests[:1]]
        until(lambda: waiting(stalled.conn, STALL) == 1, "the server is at COMMIT")
        outcomes += [submit(running.committer, request) for request in requests[1:]]
        if committed:
            cut(running.connections[0])
        else:
            pid = running.connections[0].info.backend_pid
            stalled.conn.execute("SELECT pg_terminate_backend(%s)", [pid])
        until(lambda: len(running.connections) == 2, "the committer has connected again")
        stalled.release()
        answers = [answered(outcome) for outcome in outcomes]
    assert [2, 3, 4] == [answer.seq for answer in answers]
    assert [committed, False, False] == [answer.repeated for answer in answers]
    assert [request.id for request in requests] == [event.id for event in seeded.events()[2:]]
    assert 2 == len(running.notifications), "one for each batch, even if its commit was found later"


def test_an_outcome_is_unknown_if_it_cannot_be_looked_up(
    seeded: Store,
) -> None:
    stall_at_commit(seeded.url)
    nowhere = psycopg.conninfo.make_conninfo(seeded.url, host="127.0.0.1", port=1)
    urls = iter([seeded.url, nowhere, seeded.url])
    repeated = position_request()
    with committing(seeded.url, lambda: infrastructure.writer(next(urls))) as running:
        with lock_held(seeded.url, STALL) as stalled:
            lost = submit(running.committer, repeated)
            until(lambda: waiting(stalled.conn, STALL) == 1, "the server is at COMMIT")
            cut(running.connections[0])
            assert isinstance(lost.exception(10), OutcomeUnknown)
        answer = answered(submit(running.committer, repeated))
    assert (2, True) == (answer.seq, answer.repeated)
    assert 3 == len(seeded.events())


def test_an_outcome_is_unknown_while_the_lost_connection_still_holds_the_lock(
    seeded: Store,
) -> None:
    stall_at_commit(seeded.url)
    repeated = position_request()
    waits: Iterator[dict[str, str]] = iter([{}, {"lock_timeout": "200ms"}])
    with (
        committing(
            seeded.url, lambda: db.connect(seeded.url, role="onrecord_ingest", **next(waits))
        ) as running,
        lock_held(seeded.url, STALL) as stalled,
    ):
        lost = submit(running.committer, repeated)
        until(lambda: waiting(stalled.conn, STALL) == 1, "the server is at COMMIT")
        cut(running.connections[0])
        assert isinstance(lost.exception(10), OutcomeUnknown)
        stalled.release()
        until(lambda: len(seeded.events()) == 3, "it was committed after all")
        answer = answered(submit(running.committer, repeated))
    assert (2, True) == (answer.seq, answer.repeated)


@pytest.mark.parametrize("expected_revision", [None, 0], ids=["plain", "expects a revision"])
def test_a_writer_that_stalls_under_the_lock_loses_it_and_repeats_the_batch(
    seeded: Store, monkeypatch: pytest.MonkeyPatch, expected_revision: int | None
) -> None:
    """The server ends a transaction that is idle for 2 s, so that others can write."""
    stalled = threading.Event()

    def stall_once(*args: Any) -> Any:
        if not stalled.is_set():
            stalled.set()
            with db.connect(seeded.url) as other, other.transaction():
                other.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])
        return insert_params(*args)

    monkeypatch.setattr("onrecord.ledger.append.insert_params", stall_once)
    with committing(seeded.url) as running:
        stalls = request(uuid4(), position(expected_revision=expected_revision))
        answer = answered(submit(running.committer, stalls))
        assert 2 == len(running.connections)
    assert (2, False) == (answer.seq, answer.repeated)


def test_an_unexpected_error_is_an_unknown_outcome_and_the_next_request_is_recorded(
    seeded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with committing(seeded.url) as running:
        with monkeypatch.context() as patch:
            patch.setattr("onrecord.ledger.writer.LedgerWriter.record", fail)
            lost = submit(running.committer, repeated := position_request())
            assert isinstance(lost.exception(10), OutcomeUnknown)
        answers = [
            answered(submit(running.committer, request))
            for request in (repeated, position_request())
        ]
    assert [2, 3] == [answer.seq for answer in answers]


def fail(*_: Any) -> None:
    raise OSError("on purpose")
