"""How do requests reach the committer, and what came of them those who asked?

Called by `record`. What is asked for in one turn of the event loop is handed in together at its
end, and comes back at one wake: with many at once that takes half of the time that each alone does.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from onrecord.domain.decisions import Request
from onrecord.kit.wakes import Wakes
from onrecord.ledger.committer import Committer
from onrecord.ledger.gathering import Found, Outcomes

Asked = tuple[Request, asyncio.Future[Found]]


class Turns:
    """Of the event loop that it was made on."""

    def __init__(self, committer: Committer) -> None:
        self._committer, self._wakes = committer, Wakes()
        self._asked: list[Asked] = []

    async def found(self, request: Request) -> Found:
        """What came of a request; an error is given, not raised."""
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[Found] = loop.create_future()
        if not self._asked:
            loop.call_soon(self._end)
        self._asked.append((request, asked))
        return await asked

    async def found_all(self, requests: Sequence[Request]) -> list[Found]:
        """What came of requests that are recorded in this order. All are taken, or it raises.

        Cancelled, it withdraws them, unless the committer has begun with them.
        """
        outcomes = self._committer.submit(requests)
        await self._wakes.done(outcomes)
        return outcomes.result()

    def _end(self) -> None:
        asked, self._asked = self._asked, []
        if waiting := [one for one in asked if not one[1].done()]:
            self._hand_in(waiting)

    def _hand_in(self, asked: Sequence[Asked]) -> None:
        try:
            outcomes = self._committer.submit([request for request, _ in asked])
        except Exception as error:
            if len(asked) > 1:  # there may be room for some, and one may be to blame
                for one in asked:
                    self._hand_in([one])
            else:
                _settle(asked, [error] * len(asked))
        else:
            outcomes.add_done_callback(partial(self._back, asked))

    def _back(self, asked: Sequence[Asked], outcomes: Outcomes) -> None:
        self._wakes.soon(lambda: _settle(asked, outcomes.result()))


def _settle(asked: Sequence[Asked], found: Sequence[Found]) -> None:
    for (_, future), one in zip(asked, found, strict=True):
        if not future.done():
            future.set_result(one)
