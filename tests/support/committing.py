"""How does a test have a committer of its own, and say when it gets the ledger's lock?

While `lock_held`, a committer's batch waits at the lock and what is handed in meanwhile gathers
behind it: so a test knows which requests share a transaction. `connections` are the committer's, in
the order in which it opened them; `cut` takes one away as a broken network does.
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

from onrecord.domain.decisions import Refusal, Request
from onrecord.domain.events import ActorRegistered, TopicRegistered
from onrecord.entrypoints import app_factory
from onrecord.kit.sql import db
from onrecord.ledger import batch, committer
from onrecord.ledger.append import LOCK_KEY
from onrecord.ledger.evaluate import Answer
from onrecord.ledger.outcomes import Outcome as LedgerOutcome
from tests.support.histories import position, registration, request
from tests.support.processes import until
from tests.support.record import Record

T = TypeVar("T")

Connections = list[psycopg.Connection[Any]]


def stage(made: Record) -> None:
    """Put Ann and talks on record."""
    ann = registration(ActorRegistered(id="ann", kind="person"))
    made.append(ann, registration(TopicRegistered(id="talks")))


def ask() -> Request:
    """A position of Ann on talks, under an id of its own."""
    return request(uuid4(), position())


class Outcomes:
    """What comes of requests that were handed in together, as it is awaited outside of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, awaited: batch.OutcomesFuture) -> None:
        self._loop, self._awaited = loop, awaited
        self._found = Future[list[LedgerOutcome]]()
        loop.call_soon_threadsafe(awaited.add_done_callback, self._settle)

    def _settle(self, awaited: batch.OutcomesFuture) -> None:
        if awaited.cancelled():
            self._found.cancel()
        else:
            self._found.set_result(awaited.result())

    def done(self) -> bool:
        return self._found.done()

    def result(self, timeout: float) -> list[LedgerOutcome]:
        return self._found.result(timeout)

    def cancel(self) -> None:
        """Go away: as one whose task is cancelled."""
        on_loop(self._loop, self._awaited.cancel)


@dataclass(frozen=True)
class Outcome:
    """What comes of one request that was handed in alone."""

    outcomes: Outcomes

    def result(self, timeout: float) -> Answer | Refusal:
        (found,) = self.outcomes.result(timeout)
        if isinstance(found, Exception):
            raise found
        return found

    def exception(self, timeout: float) -> Exception | None:
        (found,) = self.outcomes.result(timeout)
        return found if isinstance(found, Exception) else None


class Committer:
    """The committer, on an event loop in a thread of its own, for who hands in from others."""

    def __init__(self, connect: Callable[[], Any], *, on_commit: Callable[[], None]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._made = on_loop(self._loop, lambda: _started(connect, on_commit))

    def submit(self, requests: Sequence[Request]) -> Outcomes:
        """As the committer does it."""
        return Outcomes(self._loop, on_loop(self._loop, lambda: self._made.submit(requests)))

    def stop(self) -> None:
        """Take nothing more, finish what is waiting, and end."""
        asyncio.run_coroutine_threadsafe(self._made.stop(), self._loop).result()

    def close(self) -> None:
        """End the event loop, once it is stopped."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _started(connect: Callable[[], Any], on_commit: Callable[[], None]) -> committer.Committer:
    made = committer.Committer(connect, on_commit=on_commit)
    made.start()
    return made


def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], T]) -> T:
    """What a call gives that is made in another thread, on its event loop."""

    async def called() -> T:
        return call()

    return asyncio.run_coroutine_threadsafe(called(), loop).result()


def submit(committer: Committer, request: Request) -> Outcome:
    """Hand in one request."""
    return Outcome(committer.submit([request]))


def answered(outcome: Outcome) -> Answer:
    """The answer to what was handed in; a refusal fails the test."""
    found = outcome.result(10)
    assert isinstance(found, Answer), found
    return found


@dataclass(frozen=True)
class Lock:
    """The ledger's lock, in the test's hand."""

    conn: psycopg.Connection[Any]

    def release(self) -> None:
        self.conn.execute("ROLLBACK")

    def wait_for(self, writers: int) -> None:
        """Wait until so many writers wait for the lock."""
        until(lambda: waiting(self.conn, LOCK_KEY) == writers, f"{writers} wait for the lock")


def waiting(conn: psycopg.Connection[Any], key: int) -> int:
    """How many wait for an advisory lock of this database."""
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
    """Hold an advisory lock until it is released, or this is over."""
    with db.connect(url) as conn:
        conn.execute("BEGIN")
        conn.execute("SELECT pg_advisory_xact_lock(%s)", [key])
        yield Lock(conn)


@dataclass(frozen=True)
class Committing:
    """A committer at work. `told`: one entry for each time that `on_commit` was called."""

    committer: Committer
    connections: Connections = field(default_factory=list)
    told: list[None] = field(default_factory=list)


@contextmanager
def committing(url: str, connect: Callable[[], Any] | None = None) -> Iterator[Committing]:
    """A committer over this database, stopped at the end. `connect`: instead of the door's own."""
    connections: Connections = []
    told: list[None] = []

    def opened() -> Any:
        conn = connect() if connect else app_factory.writer(url)
        connections.append(conn)
        return conn

    made = Committing(Committer(opened, on_commit=lambda: told.append(None)), connections, told)
    yield made
    made.committer.stop()
    made.committer.close()


def cut(conn: psycopg.Connection[Any]) -> None:
    """End a connection under its owner's feet; the server learns of it when it next reads."""
    with socket.socket(fileno=os.dup(conn.fileno())) as beneath:
        beneath.shutdown(socket.SHUT_RDWR)


def commits(url: str) -> list[int]:
    """How many entries each commit has added."""
    with db.connect(url, role="onrecord_audit") as conn:
        sizes = [size for (size,) in conn.execute("SELECT size FROM ledger.commits ORDER BY 1")]
    return [size - before for before, size in zip([0, *sizes], sizes, strict=False)]


STALL = 1
"""The key of the lock at which `stall_at_commit` has a COMMIT wait."""


def stall_at_commit(url: str) -> None:
    """From now on a COMMIT that grows the ledger waits in the server while `STALL` is held."""
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
