"""How are reads that come at the same time answered by one statement?

Most of a small query's time goes into sending it, setting its plan up and taking its row, not into
looking things up. So what is asked while others are being answered is gathered, and goes as one
statement when the next of them is done: group commit, for reads. Who asks alone waits for nobody.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
import psycopg
from psycopg_pool import PoolTimeout
from sqlalchemy.sql import ClauseElement

from onrecord.kit.db import Pool, Row, rows

UNDER_WAY: Final = 4
"""Statements at the same time: half of a door's pool."""

MOST: Final = 8
"""Asks in a statement. With more of them each costs little less, and more wait for a slow one."""

PATIENCE: Final = 0.5
"""Seconds until a statement counts as under way no more: one that hangs holds up no other."""


class _Ask(NamedTuple):
    params: Mapping[str, Any]
    answer: asyncio.Future[Row]


class Together:
    """A query that takes many asks at once, and what is asked of it.

    Its one parameter `asked` is a JSON array of objects, each numbered by `n`. It answers each with
    one row that has its `n`.
    """

    def __init__(self, pool: Pool, query: ClauseElement) -> None:
        self._pool, self._query = pool, query
        self._waiting: list[_Ask] = []
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()  # so that none is collected as garbage

    async def row(self, params: Mapping[str, Any]) -> Row:
        """The row that answers these parameters."""
        ask = _Ask(params, asyncio.get_running_loop().create_future())
        self._waiting.append(ask)
        self._call()
        return await ask.answer

    def _call(self) -> None:
        """Have somebody see to those who wait, unless enough are under way."""
        if self._waiting and self._under_way < UNDER_WAY:
            self._under_way += 1
            # It begins in the next turn of the event loop, with all that came in this one.
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        """Answer until nobody waits, or until an answer takes long."""
        quick = True

        def late() -> None:
            nonlocal quick
            quick = False
            self._under_way -= 1
            self._call()

        while quick and self._waiting:
            some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            alarm = asyncio.get_running_loop().call_later(PATIENCE, late)
            await self._answer([one for one in some if not one.answer.done()])  # who stayed
            alarm.cancel()
        if quick:
            self._under_way -= 1

    async def _answer(self, some: Sequence[_Ask]) -> None:
        """Give each its row, or the error that it meets."""
        try:
            asked = orjson.dumps([{**one.params, "n": n} for n, one in enumerate(some)]).decode()
            found = await rows(self._pool, self._query, {"asked": asked})
            by_number = {row["n"]: row for row in found}
            for n, one in enumerate(some):
                if not one.answer.done():
                    one.answer.set_result(by_number[n])
        except Exception as error:
            if isinstance(error, PoolTimeout):  # those who wait would get no connection either
                some, self._waiting = [*some, *self._waiting], []
            elif len(some) > 1 and not _is_lost(error):
                # Be it for one of them, it is not the others'.
                await asyncio.gather(*(self._answer([one]) for one in some))
            for one in some:
                if not one.answer.done():
                    one.answer.set_exception(error)


def _is_lost(error: Exception) -> bool:
    """Whether there was no connection any more; what a server refuses has a code."""
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None
