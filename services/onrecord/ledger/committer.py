"""The committer: records the requests of many clients together (group commit).

One task of the event loop takes what is pending, has `LedgerWriter` record it as one batch in a
thread, and resolves the futures of those who submitted it. What is submitted meanwhile is the next
batch. Used by the write API, which submits requests and awaits their futures.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from onrecord.domain.requests import Request
from onrecord.kit.sql import deadlines
from onrecord.kit.telemetry.request_origin import RequestOrigin, current_origin
from onrecord.ledger import metrics
from onrecord.ledger.batch import OutcomesFuture, PendingBatch, PendingQueue, Submission
from onrecord.ledger.evaluate import LOCAL, Answer, seal_request
from onrecord.ledger.outcomes import LedgerBusy, LedgerUnavailable, OutcomeUnknown, WriteOutcome
from onrecord.ledger.writer import Connect, LedgerWriter

log = logging.getLogger(__name__)

MAX_BATCH: Final = 256
"""Requests in one transaction. The submission that reaches the limit is not split."""
MAX_PENDING: Final = 2_048
"""Requests that may wait; beyond it `submit` raises `LedgerBusy`."""

OnCommit = Callable[[Sequence[RequestOrigin]], None]


class Committer:
    """The single writer of a process.

    `on_commit` is called after each batch that added entries, with the requests that it came from.
    All methods are called on the event loop that it is started on.
    """

    def __init__(self, connect: Connect, *, on_commit: OnCommit) -> None:
        self._writer = LedgerWriter(connect)
        self._thread = ThreadPoolExecutor(1, "committer")
        self._on_commit = on_commit
        self._pending = PendingQueue()
        self._submitted = asyncio.Event()
        self._stopping = False

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run())

    async def stop(self) -> None:
        """Take no more requests, record those that are pending, and end."""
        self._stopping = True
        self._submitted.set()
        await asyncio.shield(self._task)  # a caller that is cancelled does not interrupt it

    def submit(self, requests: Sequence[Request], recorded_by: str = LOCAL) -> OutcomesFuture:
        """Queue requests of one caller, to be recorded in this order; all of them, or none.

        The future resolves to an outcome for each: its answer, its refusal, or the error because of
        which it was not recorded. To cancel it withdraws the requests if their batch has not begun.
        Where the database does not answer in time, it raises `OutcomeUnknown`, and so ends the wait
        of the client; requests that have not begun are withdrawn too.
        Raises `LedgerBusy` or `LedgerUnavailable` if they are not queued.
        """
        if self._stopping:
            raise LedgerUnavailable
        count = self._pending.count
        # an empty queue takes any number, or a submission larger than the limit could never be made
        if count and count + len(requests) > MAX_PENDING:
            raise LedgerBusy
        writes = [seal_request(request, recorded_by) for request in requests]
        future: OutcomesFuture = self._loop.create_future()
        alarm = self._loop.call_later(deadlines.ANSWER_SECONDS, self._give_up, future)
        future.add_done_callback(lambda _: alarm.cancel())
        self._pending.put(Submission(writes, future, current_origin()))
        self._submitted.set()
        return future

    def _give_up(self, future: OutcomesFuture) -> None:
        if not future.done():
            future.set_exception(OutcomeUnknown())
            self._pending.drop_withdrawn()

    async def _run(self) -> None:
        while self._pending.count or not self._stopping:
            await self._submitted.wait()
            batch = self._pending.take(MAX_BATCH)
            if not self._pending.count and not self._stopping:
                self._submitted.clear()
            if batch.submissions:
                batch.resolve(await self._record(batch))
        await self._loop.run_in_executor(self._thread, self._writer.close)
        self._thread.shutdown()

    async def _record(self, batch: PendingBatch) -> Sequence[WriteOutcome]:
        writes = batch.writes
        metrics.PENDING.set(self._pending.count)
        began = self._loop.time()
        try:
            outcomes = await self._loop.run_in_executor(self._thread, self._writer.record, writes)
        except Exception:  # a bug of ours: it must not end the task, or all later writers hang
            log.exception("the outcome of a batch is not known")
            outcomes = [OutcomeUnknown()] * len(writes)
        metrics.note_append(outcomes, self._loop.time() - began)
        # a repeated answer may be of this batch, whose commit was found after a lost connection
        if any(isinstance(outcome, Answer) for outcome in outcomes):
            self._notify(batch.origins)
        return outcomes

    def _notify(self, origins: Sequence[RequestOrigin]) -> None:
        try:
            self._on_commit(origins)
        except Exception:  # the entries are recorded all the same, and a sweep finds them
            log.exception("the notification of a commit failed")
