"""Who writes the ledger, when many ask at once?

One task a process, on one connection. It takes what is waiting, up to `MOST` requests, and
commits it as one batch: with one writer that is at once, with many they share a transaction (group
commit). What was judged beforehand is sent and awaited on the event loop; where the ledger is to be
asked, that is done in a thread. The write door hands in requests and awaits their futures. A lost
connection is tried again once with the same requests, which is safe because their ids are; any
other failure is repeated one request a transaction, so that one writer's trouble is that writer's
own.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Final

import psycopg
from psycopg.errors import LockNotAvailable, QueryCanceled, ReadOnlySqlTransaction

from onrecord.domain.requests import Refusal, Request
from onrecord.kit.sql.pipeline import Connection
from onrecord.ledger.append import CommitLost, Flight, ask, beforehand, depart, land
from onrecord.ledger.batch import Batch, Found, Outcomes
from onrecord.ledger.evaluate import Answer, Write, prepared
from onrecord.ledger.memory import Memory

log = logging.getLogger(__name__)

MOST: Final = 256
"""Requests in one transaction, and what was handed in with the last of them."""
WAITING: Final = 2_048
"""Requests that may wait; beyond it the writer is told to come back."""

_NOT_NOW: Final = (LockNotAvailable, QueryCanceled, ReadOnlySqlTransaction)
"""The database's word that it does not write now; nobody's request is to blame."""

Connect = Callable[[], Connection]


class LedgerBusy(Exception):
    """More requests are waiting for the ledger than it takes; try again in a second."""


class LedgerUnavailable(Exception):
    """The ledger's database cannot be reached; nothing was recorded."""


class OutcomeUnknown(Exception):
    """The database was lost while it committed; repeat the request with the same id."""


class Committer:
    """This process's one writer; `on_commit` is told after each batch that grew the ledger.

    It lives on the event loop that it is started on.
    """

    def __init__(self, connect: Connect, *, on_commit: Callable[[], None]) -> None:
        self._connect = connect
        self._on_commit = on_commit
        self._waiting: deque[Batch] = deque()
        """The last of them takes more while there is room."""
        self._held = 0
        """Requests in them."""
        self._more = asyncio.Event()
        self._closed = False
        self._conn: Connection | None = None
        self._memory = Memory()
        """Of what was written over that connection."""
        self._thread = ThreadPoolExecutor(1, "committer")
        """Where the ledger is asked."""

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run())

    async def stop(self) -> None:
        """Take nothing more, finish what is waiting, and end."""
        self._closed = True
        self._more.set()
        await asyncio.shield(self._task)  # who no longer waits for it does not cut it off

    def submit(self, requests: Sequence[Request]) -> Outcomes:
        """Hand in requests, to be recorded in this order; all of them are taken, or none.

        The future holds for each its answer, its refusal, or the error that kept it off the record:
        one of those above, or the database's own. Who cancels it before the committer has begun
        withdraws them.
        """
        if self._closed:
            raise LedgerUnavailable
        # alone they are taken however many, or they could never be
        if self._held and self._held + len(requests) > WAITING:
            raise LedgerBusy
        writes = [prepared(request) for request in requests]
        outcomes: Outcomes = self._loop.create_future()
        if not self._waiting or self._waiting[-1].count >= MOST:
            self._waiting.append(Batch(self._memory, judge=not self._waiting))
        self._waiting[-1].add(writes, outcomes)
        self._held += len(writes)
        self._more.set()
        return outcomes

    async def _run(self) -> None:
        """Each batch is sent before the writers of the last one are told, who then have time."""
        before: Batch | None = None
        while before or self._waiting or not self._closed:
            found = await self._found(before) if before else []
            if not before:
                await self._more.wait()
            batch = self._take()
            if batch:
                self._depart(batch)
            if before:
                before.settle(found)
            before = batch
        self._drop()
        self._thread.shutdown()

    def _take(self) -> Batch | None:
        """What is waiting."""
        if not self._waiting:
            return None
        batch = self._waiting.popleft()
        if not self._waiting:
            self._more.clear()
        self._held -= batch.count
        batch.close()
        self._memory.leave(batch.judging)
        return batch

    async def _found(self, batch: Batch) -> list[Found]:
        """What came of each: on the loop where that is what was supposed, else in the thread."""
        try:
            flight = batch.flight
            if flight and await flight.trip.done():
                assert self._conn
                answers = land(self._conn, flight, self._memory)
                if answers is not None:
                    self._ring(answers)
                    return [*answers]
                flight = None
            recorded = self._recorded(batch.writes, flight)
            return await self._loop.run_in_executor(self._thread, list, recorded)
        except Exception:  # none is foreseen, and whoever comes next is not to wait for ever
            log.exception("what came of a batch is not known")
            self._drop()
            return [OutcomeUnknown() for _ in batch.writes]

    def _depart(self, batch: Batch) -> None:
        """Send a batch if it is judged, or can be; else it will be when the ledger is asked."""
        if self._conn is None:
            return
        try:
            if batch.judging is None:
                self._memory.landed()
                batch.judging = beforehand(batch.writes, self._memory)
                self._memory.leave(batch.judging)
            if batch.judging:
                batch.flight = depart(self._conn, batch.judging, self._memory)
        except Exception:  # the ledger is asked instead; what comes again then is told
            log.warning("a batch that was judged could not be sent", exc_info=True)
            self._drop()

    def _recorded(self, writes: Sequence[Write], flight: Flight | None = None) -> Iterator[Found]:
        """What came of each. If they cannot be recorded together, each is when it is asked for."""
        if not writes:
            return
        try:
            found = self._append(writes, flight)
        except (LedgerUnavailable, OutcomeUnknown) as error:
            yield from repeat(error, len(writes))
        except Exception as error:
            self._drop()
            if len(writes) == 1:
                log.exception("a request could not be recorded")
                yield error
                return
            for one in writes:
                yield from self._recorded([one])
        else:
            self._ring(found)
            yield from found

    def _ring(self, found: Sequence[Answer | Refusal]) -> None:
        if any(isinstance(one, Answer) and not one.repeated for one in found):
            try:
                self._on_commit()
            except Exception:  # it is on record all the same; a sweep finds it
                log.exception("nobody could be told of a commit")

    def _append(self, writes: Sequence[Write], flight: Flight | None) -> list[Answer | Refusal]:
        lost = False
        for _ in range(2):
            try:
                if self._conn is None:
                    self._conn = self._connect()
            except psycopg.OperationalError as error:
                raise (OutcomeUnknown if lost else LedgerUnavailable) from error
            try:
                sent, flight = flight, None
                found = land(self._conn, sent, self._memory) if sent else None
                return ask(self._conn, writes, self._memory) if found is None else found
            except CommitLost:
                log.warning("lost the ledger while it committed", exc_info=True)
                lost = True
                self._drop()
            except psycopg.Error as error:
                if isinstance(error, _NOT_NOW) or (lost and not self._conn.closed):
                    raise (OutcomeUnknown if lost else LedgerUnavailable) from error
                if not self._conn.closed:
                    raise
                log.warning("lost the ledger's connection", exc_info=True)
                self._drop()
        raise OutcomeUnknown if lost else LedgerUnavailable

    def _drop(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None
            self._memory = Memory()
