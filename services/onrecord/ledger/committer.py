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
from itertools import repeat
from typing import Final

import psycopg
from psycopg.errors import LockNotAvailable, QueryCanceled, ReadOnlySqlTransaction

from onrecord.domain.decisions import Refusal, Request
from onrecord.kit.trips import Connection
from onrecord.ledger.append import CommitLost, Flight, ask, beforehand, depart, land
from onrecord.ledger.gathering import Batch, Found, Outcomes
from onrecord.ledger.judging import Answer, Write, prepared
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
    """This process's one writer; `on_commit` is told after each batch that grew the ledger."""

    def __init__(self, connect: Connect, *, on_commit: Callable[[], None]) -> None:
        self._connect = connect
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._open: Batch | None = None
        """The last of them, while it takes more."""
        self._held = 0
        self._closed = False
        self._gate = threading.Lock()
        """Over these: nothing comes to wait beyond the bound, nor behind the end."""
        self._ended = False
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

    def submit(self, requests: Sequence[Request]) -> Outcomes:
        """Hand in requests, to be recorded in this order; all of them are taken, or none.

        The future holds for each its answer, its refusal, or the error that kept it off the record:
        one of those above, or the database's own.
        """
        outcomes = Outcomes()
        self._admit(len(requests))  # before any work is done for what is not taken
        writes = [prepared(request) for request in requests]
        with self._gate:
            self._admit(len(writes))
            self._held += len(writes)
            batch = self._open or Batch(self._memory, judge=self._queue.empty())
            batch.add(writes, outcomes)
            if batch is not self._open:
                self._queue.put(batch)
            self._open = batch if batch.count < MOST else None
        return outcomes

    def _admit(self, more: int) -> None:
        if self._closed:
            raise LedgerUnavailable
        # alone they are taken however many, or they could never be
        if self._held and self._held + more > WAITING:
            raise LedgerBusy

    def _run(self) -> None:
        """Each batch is sent before the writers of the last one are told, who then have time."""
        before: Batch | None = None
        while before or not self._ended:
            found = list(self._recorded(before.writes, before.flight)) if before else []
            batch = self._take(wait=before is None)
            if batch:
                self._depart(batch)
            if before:
                before.settle(found)
            before = batch
        self._drop()

    def _take(self, *, wait: bool) -> Batch | None:
        """What is waiting, as soon as something is."""
        try:
            batch = self._queue.get(block=wait)
        except queue.Empty:
            return None
        if batch is None:
            self._ended = True
            return None
        with self._gate:
            if batch is self._open:
                self._open = None
            self._held -= batch.count
            batch.close()
            self._memory.leave(batch.judging)
        return batch

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
            if any(isinstance(one, Answer) and not one.repeated for one in found):
                try:
                    self._on_commit()
                except Exception:  # it is on record all the same; a sweep finds it
                    log.exception("nobody could be told of a commit")
            yield from found

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
