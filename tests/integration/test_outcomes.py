"""Does a writer learn what came of a request when the database or we ourselves failed meanwhile?"""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from onrecord.entrypoints import app_factory
from onrecord.kit.sql import db
from onrecord.ledger.outcomes import OutcomeUnknown
from tests.support.committing import (
    STALL,
    answered,
    ask,
    committing,
    cut,
    lock_held,
    stage,
    stall_at_commit,
    stall_at_insert,
    submit,
    waiting,
)
from tests.support.processes import until
from tests.support.record import Record


@pytest.fixture
def staged(on_record: Record) -> Record:
    """A record of Ann and of talks, in one commit."""
    stage(on_record)
    return on_record


@pytest.mark.parametrize("committed", [True, False], ids=["it was", "it was not"])
@pytest.mark.parametrize("stall", [stall_at_commit, stall_at_insert])
def test_whether_a_batch_was_committed_is_looked_up_when_the_connection_went_meanwhile(
    staged: Record, committed: bool, stall: Callable[[str], None]
) -> None:
    """COMMIT goes with the insertion: the server has it, however early the connection goes."""
    stall(staged.url)
    asked = [ask() for _ in range(3)]
    with committing(staged.url) as made, lock_held(staged.url, STALL) as stalled:
        outcomes = [submit(made.committer, one) for one in asked[:1]]
        until(lambda: waiting(stalled.conn, STALL) == 1, "the server is at COMMIT")
        outcomes += [submit(made.committer, one) for one in asked[1:]]
        if committed:
            cut(made.connections[0])
        else:
            pid = made.connections[0].info.backend_pid
            stalled.conn.execute("SELECT pg_terminate_backend(%s)", [pid])
        until(lambda: len(made.connections) == 2, "the committer has connected again")
        stalled.release()
        found = [answered(one) for one in outcomes]
    assert [2, 3, 4] == [one.seq for one in found]
    assert [committed, False, False] == [one.repeated for one in found]
    assert [one.id for one in asked] == [one.id for one in staged.events()[2:]]


def test_an_outcome_that_cannot_be_looked_up_is_unknown_until_the_request_is_repeated(
    staged: Record,
) -> None:
    stall_at_commit(staged.url)
    nowhere = psycopg.conninfo.make_conninfo(staged.url, host="127.0.0.1", port=1)
    urls = iter([staged.url, nowhere, staged.url])
    asked = ask()
    with committing(staged.url, lambda: app_factory.writer(next(urls))) as made:
        with lock_held(staged.url, STALL) as stalled:
            lost = submit(made.committer, asked)
            until(lambda: waiting(stalled.conn, STALL) == 1, "the server is at COMMIT")
            cut(made.connections[0])
            assert isinstance(lost.exception(10), OutcomeUnknown)
        found = answered(submit(made.committer, asked))
    assert (2, True) == (found.seq, found.repeated)
    assert 3 == len(staged.events())


def test_an_outcome_is_unknown_too_while_the_lost_connection_still_holds_the_lock(
    staged: Record,
) -> None:
    stall_at_commit(staged.url)
    asked = ask()
    waits: Iterator[dict[str, str]] = iter([{}, {"lock_timeout": "200ms"}])
    with (
        committing(
            staged.url, lambda: db.connect(staged.url, role="onrecord_ingest", **next(waits))
        ) as made,
        lock_held(staged.url, STALL) as stalled,
    ):
        lost = submit(made.committer, asked)
        until(lambda: waiting(stalled.conn, STALL) == 1, "the server is at COMMIT")
        cut(made.connections[0])
        assert isinstance(lost.exception(10), OutcomeUnknown)
        stalled.release()
        until(lambda: len(staged.events()) == 3, "it was committed after all")
        found = answered(submit(made.committer, asked))
    assert (2, True) == (found.seq, found.repeated)


def test_an_unexpected_error_is_an_unknown_outcome_and_the_next_request_is_recorded(
    staged: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    with committing(staged.url) as made:
        with monkeypatch.context() as patch:
            patch.setattr("onrecord.ledger.writer.LedgerWriter.record", fail)
            lost = submit(made.committer, asked := ask())
            assert isinstance(lost.exception(10), OutcomeUnknown)
        found = [answered(submit(made.committer, one)) for one in (asked, ask())]
    assert [2, 3] == [one.seq for one in found]


def fail(*_: Any) -> None:
    raise OSError("on purpose")
