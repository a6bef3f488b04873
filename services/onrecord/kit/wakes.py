"""How do results of another thread reach the event loop, many of them at one wake?

Called by the write door, whose committer settles hundreds of futures at once. `asyncio.wrap_future`
would wake the loop, a system call, for each of them.
"""

import asyncio
from collections import deque
from concurrent.futures import Future
from typing import Any


class Wakes:
    """Wakes the event loop that it was made on."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._settled: deque[asyncio.Future[None]] = deque()

    async def done(self, future: Future[Any]) -> None:
        """Wait until another thread has settled `future`; who is cancelled cancels it."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        future.add_done_callback(lambda _: self._put(waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            future.cancel()
            raise

    def _put(self, waiter: asyncio.Future[None]) -> None:
        self._settled.append(waiter)
        # Not the first: whoever put that one has called for a wake, which takes this one along.
        if len(self._settled) == 1:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        while self._settled:
            waiter = self._settled.popleft()
            if not waiter.done():
                waiter.set_result(None)
