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
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

import psycopg
from psycopg.errors import LockNotAvailable, QueryCanceled, ReadOnlySqlTransaction

from onrecord.domain.decisions import Refusal, Request
from onrecord.kit.trips import Connection
from onrecord.ledger.append import Answer, CommitLost, Write, append, prepared

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


Outcome = Future[Answer | Refusal]
Waiting = tuple[Write, Outcome]
"""A write, and what its writer awaits."""


class Committer:
    """This process's one writer; `on_commit` is told after each batch that grew the ledger."""

    def __init__(self, connect: Connect, *, on_commit: Callable[[], None]) -> None:
        self._connect = connect
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[Sequence[Waiting] | None] = queue.SimpleQueue()
        self._held = 0
        self._closed = False
        self._gate = threading.Lock()
        """Over both: nothing comes to wait beyond the bound, nor behind the end."""
        self._conn: Connection | None = None
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
        return self.submit_all([request])[0]

    def submit_all(self, requests: Sequence[Request]) -> list[Outcome]:
        """Hand in requests, to be recorded in this order; all of them are taken, or none."""
        self._admit(len(requests))  # before any work is done for what is not taken
        waiting: list[Waiting] = [(prepared(request), Future()) for request in requests]
        with self._gate:
            self._admit(len(waiting))
            self._held += len(waiting)
            self._queue.put(waiting)
        return [outcome for _, outcome in waiting]

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
        some = self._queue.get()
        with suppress(queue.Empty):
            while some is not None:
                taken += some
                if len(taken) >= MOST:
                    break
                some = self._queue.get_nowait()
        with self._gate:
            self._held -= len(taken)
        return taken, some is None

    def _settle(self, batch: Sequence[Waiting]) -> None:
        try:
            answers = self._append([write for write, _ in batch])
        except (LedgerUnavailable, OutcomeUnknown) as error:
            for _, future in batch:
                future.set_exception(error)
        except Exception as error:
            self._drop()
            if len(batch) == 1:
                log.exception("a request could not be recorded")
                batch[0][1].set_exception(error)
                return
            for one in batch:
                self._settle([one])
        else:
            if any(isinstance(answer, Answer) and not answer.repeated for answer in answers):
                try:
                    self._on_commit()
                except Exception:  # it is on record all the same; a sweep finds it
                    log.exception("nobody could be told of a commit")
            for (_, future), answer in zip(batch, answers, strict=True):
                future.set_result(answer)

    def _append(self, writes: Sequence[Write]) -> list[Answer | Refusal]:
        lost = False
        for _ in range(2):
            try:
                if self._conn is None:
                    self._conn = self._connect()
            except psycopg.OperationalError as error:
                raise (OutcomeUnknown if lost else LedgerUnavailable) from error
            try:
                return append(self._conn, writes)
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
