"""How are reads that come at the same time answered by one statement?

Most of a small query's time goes into sending it, setting its plan up and taking its row, not into
looking things up. So what is asked while others are being answered is gathered, and goes as one
statement when the next of them is done: group commit, for reads. Who asks alone waits for nobody.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import Context
from typing import Any, Final, NamedTuple

import orjson
import psycopg
from psycopg_pool import PoolTimeout
from sqlalchemy.sql import ClauseElement

from onrecord.kit.sql.db import Pool, Row, rows

LANES: Final = 4
"""Lanes of statements, one after the other in each: half of a door's pool."""

MOST: Final = 8
"""Asks in a statement. More would save little, and all wait for the slowest among them."""

LATE: Final = 0.5
"""Seconds after which a lane counts no more, and another may open: one that hangs holds up nobody
but those who went with it.
"""


class _Ask(NamedTuple):
    params: Mapping[str, Any]
    answer: asyncio.Future[Row]
    since: float
    """When it was asked, by the event loop's clock."""


class Together:
    """A query that takes many asks at once, and what is asked of it.

    Its one parameter `params` is a JSON array of objects, each numbered by `n`. It answers each
    with one row that has its `n`.
    """

    def __init__(self, pool: Pool, query: ClauseElement) -> None:
        self._pool, self._query = pool, query
        self._waiting: list[_Ask] = []
        self._alone: list[_Ask] = []
        """Those whose statement failed, which go by themselves."""
        self._open = 0
        self._lanes: set[asyncio.Task[None]] = set()  # so that none is collected as garbage

    async def row(self, params: Mapping[str, Any]) -> Row:
        """The row that answers these parameters."""
        loop = asyncio.get_running_loop()
        ask = _Ask(params, loop.create_future(), loop.time())
        self._waiting.append(ask)
        self._open_lane()
        return await ask.answer

    def _open_lane(self) -> None:
        """Where somebody waits, unless enough are open."""
        if (self._waiting or self._alone) and self._open < LANES:
            self._open += 1
            # It begins in the next turn of the event loop, with all that came in this one, and in
            # no request's context: what is logged there is of none.
            lane = asyncio.create_task(self._lane(), context=Context())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)

    async def _lane(self) -> None:
        """Answer until nobody waits, or until an answer is late."""
        in_time = True

        def late() -> None:
            nonlocal in_time
            in_time = False
            self._open -= 1
            self._open_lane()

        try:
            while in_time and (some := self._next()):
                alarm = asyncio.get_running_loop().call_later(LATE, late)
                try:
                    await self._answer(some)
                finally:
                    alarm.cancel()
        finally:
            if in_time:
                self._open -= 1

    def _next(self) -> Sequence[_Ask]:
        """Who goes next, without those who have gone away."""
        while self._alone or self._waiting:
            if self._alone:
                some = [self._alone.pop(0)]
            else:
                some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if stayed := [one for one in some if not one.answer.done()]:
                return stayed
        return []

    async def _answer(self, some: Sequence[_Ask]) -> None:
        """Give each its row, or the error that it meets."""
        try:
            asked = orjson.dumps([{**one.params, "n": n} for n, one in enumerate(some)]).decode()
            found = await rows(self._pool, self._query, {"params": asked})
            by_number = {row["n"]: row for row in found}
            for n, one in enumerate(some):
                if not one.answer.done():
                    one.answer.set_result(by_number[n])
        except Exception as error:
            if len(some) > 1 and not _is_lost(error):
                self._alone += some  # if it is the fault of one, it is not the others'
                self._open_lane()
                return
            if isinstance(error, PoolTimeout):
                some = [*some, *self._too_long()]
            for one in some:
                if not one.answer.done():
                    one.answer.set_exception(error)

    def _too_long(self) -> Sequence[_Ask]:
        """Take out who has waited for as long as the pool lets anybody wait for a connection."""
        before = asyncio.get_running_loop().time() - self._pool.timeout
        gone = [one for one in self._waiting if one.since <= before]
        self._waiting = self._waiting[len(gone) :]  # they stand in the order in which they came
        return gone


def _is_lost(error: Exception) -> bool:
    """Whether there was no connection, or none any more: what a server refuses has a code."""
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None
