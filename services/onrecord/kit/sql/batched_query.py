"""A query that answers concurrent calls in batches: group commit, for reads.

Used by the read API for positions. Most of the time of a small query goes into sending it, setting
up its plan and fetching its row, not into looking things up. So calls that arrive while statements
run wait for the next worker to be free and go together, as one statement. A lone call waits for
nobody.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import Context
from typing import Any, Final, NamedTuple

import orjson
import psycopg
from psycopg_pool import PoolTimeout
from sqlalchemy.sql import ClauseElement

from onrecord.kit.sql.db import Pool, Row, fetch_all

MAX_WORKERS: Final = 4
"""Workers that run a statement at a time each: half of the read API's pool."""

MAX_BATCH: Final = 8
"""Calls in a statement. More would save little, and all wait for the slowest among them."""

SLOW_AFTER: Final = 0.5
"""Seconds after which a worker no longer counts and another may start, so that a statement that
hangs delays only the calls in it.
"""


class _Call(NamedTuple):
    params: Mapping[str, Any]
    result: asyncio.Future[Row]
    since: float
    """When it was made, by the event loop's clock."""


class BatchedQuery:
    """A query that takes many sets of parameters at once, and the calls that wait for it.

    Its only parameter, `params`, is a JSON array of objects, each numbered by `n`. It returns a row
    for each, which has the same `n`.
    """

    def __init__(self, pool: Pool, query: ClauseElement) -> None:
        self._pool, self._query = pool, query
        self._waiting: list[_Call] = []
        self._individual: list[_Call] = []
        """Calls whose statement failed, to be repeated in a statement of their own."""
        self._active = 0
        self._tasks: set[asyncio.Task[None]] = set()  # asyncio itself keeps only weak references

    async def fetch_one(self, params: Mapping[str, Any]) -> Row:
        """The row for these parameters."""
        loop = asyncio.get_running_loop()
        call = _Call(params, loop.create_future(), loop.time())
        self._waiting.append(call)
        self._start_worker()
        return await call.result

    def _start_worker(self) -> None:
        """Start a worker if calls wait and not enough workers are active."""
        if (self._waiting or self._individual) and self._active < MAX_WORKERS:
            self._active += 1
            # It begins in the next turn of the event loop, with all calls of this one, and in an
            # empty context: what it logs belongs to no request.
            task = asyncio.create_task(self._worker(), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _worker(self) -> None:
        """Run batches until no call waits, or until a batch is slow."""
        in_time = True

        def give_up_place() -> None:
            nonlocal in_time
            in_time = False
            self._active -= 1
            self._start_worker()

        try:
            while in_time and (batch := self._next_batch()):
                alarm = asyncio.get_running_loop().call_later(SLOW_AFTER, give_up_place)
                try:
                    await self._run(batch)
                finally:
                    alarm.cancel()
        finally:
            if in_time:
                self._active -= 1

    def _next_batch(self) -> Sequence[_Call]:
        """The calls that go next, without those that were cancelled."""
        while self._individual or self._waiting:
            if self._individual:
                batch = [self._individual.pop(0)]
            else:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            if batch := [call for call in batch if not call.result.done()]:
                return batch
        return []

    async def _run(self, batch: Sequence[_Call]) -> None:
        """Give each call its row or its error."""
        try:
            numbered = [{**call.params, "n": n} for n, call in enumerate(batch)]
            params = {"params": orjson.dumps(numbered).decode()}
            by_number = {row["n"]: row for row in await fetch_all(self._pool, self._query, params)}
            for n, call in enumerate(batch):
                if not call.result.done():
                    call.result.set_result(by_number[n])
        except Exception as error:
            if len(batch) > 1 and not _is_connection_lost(error):
                self._retry_individually(batch)
                return
            if isinstance(error, PoolTimeout):
                batch = [*batch, *self._timed_out()]
            for call in batch:
                if not call.result.done():
                    call.result.set_exception(error)

    def _retry_individually(self, batch: Sequence[_Call]) -> None:
        """Repeat each call by itself: the error of one call must not fail the others."""
        self._individual += batch
        self._start_worker()

    def _timed_out(self) -> Sequence[_Call]:
        """Take out the calls that have waited as long as the pool lets a client wait."""
        before = asyncio.get_running_loop().time() - self._pool.timeout
        timed_out = [call for call in self._waiting if call.since <= before]
        self._waiting = self._waiting[len(timed_out) :]  # they are in the order of arrival
        return timed_out


def _is_connection_lost(error: Exception) -> bool:
    """Whether there was no connection: an error that the server reports has a code."""
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None
