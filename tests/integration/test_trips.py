"""Do several statements that go to PostgreSQL at once do what they would do one after the other?"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import psycopg
import pytest
import uvloop

from onrecord.kit.sql import binary, db
from onrecord.kit.sql.pipeline import Connection, Statement
from onrecord.ledger.append import LOCK_KEY
from tests.support.committing import cut, lock_held, waiting
from tests.support.processes import until
from tests.support.store import Store

BEGIN, COMMIT = Statement("BEGIN"), Statement("COMMIT")
LOCK = Statement(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
PUT = Statement("INSERT INTO put VALUES ($1::bigint)")
COUNT = Statement("SELECT count(*) FROM put")
FAIL = Statement("SELECT 1 / ($1::bigint)")
LENGTH = Statement("SELECT octet_length($1::bytea)")
SLEEP = Statement("SELECT pg_sleep(60)")


@pytest.fixture
def conn(store: Store) -> Iterator[Connection]:
    """A connection to a database with a table of numbers, each of them once."""
    with db.connect(store.url) as made:
        made.execute("CREATE TABLE put (number bigint UNIQUE)")
        yield made


def put(number: int) -> bytes:
    return binary.integer(number)


def test_each_statement_sees_what_was_committed_while_the_one_before_it_waited(
    store: Store, conn: Connection
) -> None:
    found = []
    with lock_held(store.url) as lock:
        waits = threading.Thread(target=lambda: found.extend(conn.trip(BEGIN(), LOCK(), COUNT())))
        waits.start()
        until(lambda: waiting(lock.conn, LOCK_KEY) == 1, "the trip waits for the lock")
        with db.connect(store.url) as other:
            other.execute("INSERT INTO put VALUES (7)")
        lock.release()
        waits.join(10)
    assert [(1,)] == found[2]


def test_the_first_that_fails_is_told_and_what_comes_behind_it_is_not_done(
    conn: Connection,
) -> None:
    for _ in range(2):  # what was prepared in a trip that failed is known in the next one
        with pytest.raises(psycopg.errors.DivisionByZero):
            conn.trip(BEGIN(), PUT(put(1)), FAIL(put(0)), COUNT(), COMMIT())
        conn.execute("ROLLBACK")
    assert [[], [(1,)]] == conn.trip(PUT(put(1)), COUNT())
    with pytest.raises(psycopg.errors.UniqueViolation):
        conn.trip(PUT(put(2)), PUT(put(2)))
    assert not conn.closed
    assert [[(1,)]] == conn.trip(COUNT())


def test_a_commit_that_fails_at_the_end_of_a_trip_is_told_and_leaves_the_connection_usable(
    conn: Connection,
) -> None:
    """As that of a constraint which is deferred does."""
    conn.execute("CREATE TABLE late (number bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    late = Statement("INSERT INTO late VALUES ($1::bigint), ($1::bigint)")
    for _ in range(2):
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.trip(COUNT(), late(put(1)))
        assert [[(0,)]] == conn.trip(COUNT())


def test_what_no_server_can_prepare_is_told_and_prepared_again_the_next_time(
    conn: Connection,
) -> None:
    of_none = Statement("SELECT FROM none")
    with pytest.raises(psycopg.errors.UndefinedTable):
        conn.trip(COUNT(), of_none())
    conn.execute("CREATE TABLE none ()")
    assert [[(0,)], []] == conn.trip(COUNT(), of_none())


def test_what_is_prepared_stays_so_after_a_rollback(conn: Connection) -> None:
    """After one, psycopg has the server forget all, if it has prepared anything by itself."""
    conn.trip(COUNT())
    for _ in range(10):
        conn.execute("SELECT number FROM put WHERE number = %b", [1])
    conn.execute("BEGIN")
    conn.execute("ROLLBACK")
    conn.execute("SELECT")
    assert [[(0,)]] == conn.trip(COUNT())


def test_more_goes_at_once_than_the_wire_holds(conn: Connection) -> None:
    lengths = [5_000_000, 0, 3, 5_000_000]
    found = conn.trip(*(LENGTH(bytes(one)) for one in lengths))
    assert [[(one,)] for one in lengths] == found


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_trip_is_awaited_on_an_event_loop_until_nothing_is_to_be_waited_for(
    conn: Connection, run: Callable[[Coroutine[Any, Any, list[bool]]], list[bool]]
) -> None:
    lengths = [5_000_000, 0, 5_000_000]

    async def done() -> list[bool]:
        trip = conn.send(*(LENGTH(bytes(one)) for one in lengths))
        others = asyncio.create_task(asyncio.sleep(0))  # the loop is there for others meanwhile
        whole = await trip.done()
        assert others.done()
        assert [[(one,)] for one in lengths] == trip.rows()
        failed = conn.send(COUNT(), FAIL(put(0)))
        fine = await failed.done()
        with pytest.raises(psycopg.errors.DivisionByZero):
            failed.rows()
        slept = conn.send(SLEEP())
        cut(conn)
        return [whole, fine, await slept.done()]

    assert [True, False, False] == run(done())
    assert conn.closed


def test_a_connection_that_the_server_ends_says_why_and_is_closed(
    store: Store, conn: Connection
) -> None:
    with db.connect(store.url) as other:
        pid = conn.info.backend_pid

        def end() -> bool:
            ended = other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid = %s AND wait_event = 'PgSleep'",
                [pid],
            )
            return ended.rowcount == 1

        ends = threading.Thread(target=until, args=(end, "it sleeps"))
        ends.start()
        with pytest.raises(psycopg.errors.AdminShutdown):
            conn.trip(COUNT(), SLEEP(), COMMIT())
        ends.join(10)
    assert conn.closed
