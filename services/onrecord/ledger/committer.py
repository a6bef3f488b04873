"""Who writes the ledger, when many ask at once?

One thread a process, on one connection. It takes what is waiting, up to `MOST` requests, and
commits it as one batch: with one writer that is at once, with many they share a transaction (group
commit). The write door hands in requests and awaits their futures. A lost connection is tried
again once with the same requests, which is safe because their ids are; any other failure is
repeated one request a transaction, so that one writer's trouble is that writer's own.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from itertools import islice, repeat
from typing import Final

import psycopg
from psycopg.errors import LockNotAvailable, QueryCanceled, ReadOnlySqlTransaction

from onrecord.domain.decisions import Refusal, Request
from onrecord.kit.trips import Connection
from onrecord.ledger.append import CommitLost, append
from onrecord.ledger.judged import Answer, Write, prepared
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


Found = Answer | Refusal | Exception
"""What came of a request."""


class Outcome(Future[Answer | Refusal]):
    """What the writer of one request awaits."""

    def settle(self, found: list[Found]) -> None:
        (one,) = found
        if isinstance(one, Exception):
            self.set_exception(one)
        else:
            self.set_result(one)


class Outcomes(Future[list[Found]]):
    """What the writer of several awaits: one future for all, as each costs as much as judging."""

    def settle(self, found: list[Found]) -> None:
        self.set_result(found)


Waiting = tuple[list[Write], Outcome | Outcomes]
"""Writes handed in together, and what their writer awaits."""


class Committer:
    """This process's one writer; `on_commit` is told after each batch that grew the ledger."""

    def __init__(self, connect: Connect, *, on_commit: Callable[[], None]) -> None:
        self._connect = connect
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._held = 0
        self._closed = False
        self._gate = threading.Lock()
        """Over both: nothing comes to wait beyond the bound, nor behind the end."""
        self._conn: Connection | None = None
        self._memory = Memory()
        """Of what was written over that connection."""
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more, finish what is waiting, and end."""
        with self._gate:
            self._closed = True
        self._queue.put(None)
        self._thread.join()

    def submit(self, request: Request) -> Outcome:
        """Hand in a request. The future holds its answer or refusal, or one of the errors above."""
        outcome = Outcome()
        self._put([request], outcome)
        return outcome

    def submit_all(self, requests: Sequence[Request]) -> Outcomes:
        """Hand in requests, to be recorded in this order; all of them are taken, or none."""
        outcomes = Outcomes()
        self._put(requests, outcomes)
        return outcomes

    def _put(self, requests: Sequence[Request], awaited: Outcome | Outcomes) -> None:
        self._admit(len(requests))  # before any work is done for what is not taken
        writes = [prepared(request) for request in requests]
        with self._gate:
            self._admit(len(writes))
            self._held += len(writes)
            self._queue.put((writes, awaited))

    def _admit(self, more: int) -> None:
        if self._closed:
            raise LedgerUnavailable
        # alone they are taken however many, or they could never be
        if self._held and self._held + more > WAITING:
            raise LedgerBusy

    def _run(self) -> None:
        ended = False
        while not ended:
            taken, ended = self._take()
            # A writer who has gone away by now is not recorded; from here on none can withdraw.
            batch = [one for one in taken if one[1].set_running_or_notify_cancel()]
            if batch:
                self._settle(batch)
        self._drop()

    def _take(self) -> tuple[list[Waiting], bool]:
        """What is waiting, as soon as something is; and whether that was the last."""
        taken: list[Waiting] = []
        count = 0
        some = self._queue.get()
        with suppress(queue.Empty):
            while some is not None:
                taken.append(some)
                count += len(some[0])
                if count >= MOST:
                    break
                some = self._queue.get_nowait()
        with self._gate:
            self._held -= count
        return taken, some is None

    def _settle(self, batch: Sequence[Waiting]) -> None:
        found = self._recorded([one for writes, _ in batch for one in writes])
        for writes, awaited in batch:
            awaited.settle(list(islice(found, len(writes))))

    def _recorded(self, writes: Sequence[Write]) -> Iterator[Found]:
        """What came of each. If they cannot be recorded together, each is when it is asked for."""
        try:
            found = self._append(writes)
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
            if any(isinstance(one, Answer) and not one.repeated for one in found):
                try:
                    self._on_commit()
                except Exception:  # it is on record all the same; a sweep finds it
                    log.exception("nobody could be told of a commit")
            yield from found

    def _append(self, writes: Sequence[Write]) -> list[Answer | Refusal]:
        lost = False
        for _ in range(2):
            try:
                if self._conn is None:
                    self._conn = self._connect()
            except psycopg.OperationalError as error:
                raise (OutcomeUnknown if lost else LedgerUnavailable) from error
            try:
                return append(self._conn, writes, memory=self._memory)
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
