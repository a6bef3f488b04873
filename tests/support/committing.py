"""Committers under test, and control over the ledger's lock.

While a test holds the lock (`lock_held`), the batch of a committer waits for it, and requests that
are submitted meanwhile form the next batch: so a test knows which requests share a transaction.
`cut` breaks a connection as a network failure does.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import psycopg

from onrecord.domain.events import ActorRegistered, TopicRegistered
from onrecord.domain.requests import Refusal, Request
from onrecord.entrypoints import infrastructure
from onrecord.kit.sql import db
from onrecord.ledger import batch, committer
from onrecord.ledger.append import LOCK_KEY
from onrecord.ledger.evaluate import Answer
from onrecord.ledger.outcomes import WriteOutcome
from tests.support.histories import position, registration, request
from tests.support.processes import until
from tests.support.store import Store

T = TypeVar("T")

Connections = list[psycopg.Connection[Any]]


def seed(record: Store) -> None:
    """Record the actor Ann and the topic talks, in one commit."""
    ann = registration(ActorRegistered(id="ann", kind="person"))
    record.append(ann, registration(TopicRegistered(id="talks")))


def position_request() -> Request:
    """A request to record a position of Ann on talks, with a new id."""
    return request(uuid4(), position())


class Outcomes:
    """The future of a submission, for threads other than the event loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, future: batch.OutcomesFuture) -> None:
        self._loop, self._future = loop, future
        self._copy = Future[list[WriteOutcome]]()
        loop.call_soon_threadsafe(future.add_done_callback, self._resolve)

    def _resolve(self, future: batch.OutcomesFuture) -> None:
        if future.cancelled():
            self._copy.cancel()
        else:
            self._copy.set_result(future.result())

    def done(self) -> bool:
        return self._copy.done()

    def result(self, timeout: float) -> list[WriteOutcome]:
        return self._copy.result(timeout)

    def cancel(self) -> None:
        """Cancel it, as a client that disconnects does."""
        on_loop(self._loop, self._future.cancel)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a request that was submitted alone."""

    outcomes: Outcomes

    def result(self, timeout: float) -> Answer | Refusal:
        (outcome,) = self.outcomes.result(timeout)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def exception(self, timeout: float) -> Exception | None:
        (outcome,) = self.outcomes.result(timeout)
        return outcome if isinstance(outcome, Exception) else None


class Committer:
    """A committer on an event loop in a thread of its own, called from other threads."""

    def __init__(self, connect: Callable[[], Any], *, on_commit: committer.OnCommit) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._committer = on_loop(self._loop, lambda: _started(connect, on_commit))

    def submit(self, requests: Sequence[Request]) -> Outcomes:
        """Submit requests together."""
        return Outcomes(self._loop, on_loop(self._loop, lambda: self._committer.submit(requests)))

    def stop(self) -> None:
        """Stop the committer."""
        asyncio.run_coroutine_threadsafe(self._committer.stop(), self._loop).result()

    def close(self) -> None:
        """End the event loop, once it is stopped."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _started(connect: Callable[[], Any], on_commit: committer.OnCommit) -> committer.Committer:
    started = committer.Committer(connect, on_commit=on_commit)
    started.start()
    return started


def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], T]) -> T:
    """The result of a call that is made on the event loop of another thread."""

    async def called() -> T:
        return call()

    return asyncio.run_coroutine_threadsafe(called(), loop).result()


def submit(committer: Committer, request: Request) -> Outcome:
    """Submit one request."""
    return Outcome(committer.submit([request]))


def answered(outcome: Outcome) -> Answer:
    """The answer to a request; a refusal fails the test."""
    result = outcome.result(10)
    assert isinstance(result, Answer), result
    return result


@dataclass(frozen=True)
class Lock:
    """An advisory lock that the test holds."""

    conn: psycopg.Connection[Any]

    def release(self) -> None:
        self.conn.execute("ROLLBACK")

    def wait_for(self, writers: int) -> None:
        """Wait until this number of writers waits for the ledger's lock."""
        until(lambda: waiting(self.conn, LOCK_KEY) == writers, f"{writers} wait for the lock")


def waiting(conn: psycopg.Connection[Any], key: int) -> int:
    """The number of sessions that wait for an advisory lock of this database."""
    row = conn.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND (classid::bigint << 32 | objid::bigint) = %s AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())",
        [key],
    ).fetchone()
    assert row is not None
    number: int = row[0]
    return number


@contextmanager
def lock_held(url: str, key: int = LOCK_KEY) -> Iterator[Lock]:
    """Hold an advisory lock until it is released, or the block ends."""
    with db.connect(url) as conn:
        conn.execute("BEGIN")
        conn.execute("SELECT pg_advisory_xact_lock(%s)", [key])
        yield Lock(conn)


@dataclass(frozen=True)
class Running:
    """A committer at work. `connections`: in the order in which it opened them. `notifications`: an
    item for each call of `on_commit`.
    """

    committer: Committer
    connections: Connections = field(default_factory=list)
    notifications: list[None] = field(default_factory=list)


@contextmanager
def committing(url: str, connect: Callable[[], Any] | None = None) -> Iterator[Running]:
    """A committer over this database, stopped at the end. `connect` replaces its own."""
    connections: Connections = []
    notifications: list[None] = []

    def opened() -> Any:
        conn = connect() if connect else infrastructure.writer(url)
        connections.append(conn)
        return conn

    committer = Committer(opened, on_commit=lambda _: notifications.append(None))
    yield Running(committer, connections, notifications)
    committer.stop()
    committer.close()


def cut(conn: psycopg.Connection[Any]) -> None:
    """Break a connection from outside; the server notices when it next reads."""
    with socket.socket(fileno=os.dup(conn.fileno())) as beneath:
        beneath.shutdown(socket.SHUT_RDWR)


def commits(url: str) -> list[int]:
    """The number of entries that each commit added."""
    with db.connect(url, role="onrecord_audit") as conn:
        sizes = [size for (size,) in conn.execute("SELECT size FROM ledger.commits ORDER BY 1")]
    return [size - before for before, size in zip([0, *sizes], sizes, strict=False)]


STALL = 1
"""The key of the lock that a COMMIT waits for after `stall_at_commit`."""


def stall_at_commit(url: str) -> None:
    """From now on a COMMIT that adds entries waits in the server while `STALL` is held."""
    _stall(url, "CONSTRAINT TRIGGER", "commits DEFERRABLE INITIALLY DEFERRED FOR EACH ROW")


def stall_at_insert(url: str) -> None:
    """From now on an insertion waits in the server, with COMMIT behind it, while `STALL` is held"""
    _stall(url, "TRIGGER", "commits FOR EACH STATEMENT")


def _stall(url: str, kind: str, on: str) -> None:
    with db.connect(url) as conn:
        conn.execute(
            "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$"
            f" BEGIN PERFORM pg_advisory_xact_lock_shared({STALL}); RETURN NULL; END $$"
        )
        conn.execute(f"CREATE {kind} stall AFTER INSERT ON ledger.{on} EXECUTE FUNCTION stall()")
