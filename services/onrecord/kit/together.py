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
from sqlalchemy.sql import ClauseElement

from onrecord.kit.db import Pool, Row, rows

UNDER_WAY: Final = 4
"""Statements at the same time, so that a slow one does not hold all up: half of a door's pool."""

MOST: Final = 32
"""Asks in a statement."""


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
        self._tasks: set[asyncio.Task[None] | None] = set()

    async def row(self, params: Mapping[str, Any]) -> Row:
        """The row that answers these parameters."""
        ask = _Ask(params, asyncio.get_running_loop().create_future())
        self._waiting.append(ask)
        if len(self._tasks) < UNDER_WAY:
            # It begins in the next turn of the event loop, with all that came in this one.
            self._tasks.add(asyncio.create_task(self._work()))
        return await ask.answer

    async def _work(self) -> None:
        """Answer until nobody waits."""
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._answer([one for one in some if not one.answer.done()])  # who stayed
        finally:
            self._tasks.discard(asyncio.current_task())

    async def _answer(self, some: Sequence[_Ask]) -> None:
        asked = [{**one.params, "n": n} for n, one in enumerate(some)]
        try:
            found = await rows(self._pool, self._query, {"asked": orjson.dumps(asked).decode()})
        except Exception as error:
            if len(some) > 1 and isinstance(error, psycopg.Error) and error.sqlstate:
                # The server refused the statement, be it for one of them: that is not the others'.
                await asyncio.gather(*(self._answer([one]) for one in some))
                return
            for one in some:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        for row in found:
            if not (answer := some[row["n"]].answer).done():
                answer.set_result(row)
