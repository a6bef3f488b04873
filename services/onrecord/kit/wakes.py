"""How do results of another thread reach the event loop, many of them at one wake?

Called by the write door, whose committer settles hundreds of futures at once. `asyncio.wrap_future`
would wake the loop, a system call, for each of them.
"""

import asyncio
import threading
from concurrent.futures import Future
from typing import Any


class Wakes:
    """Wakes the event loop that it was made on."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._settled: list[asyncio.Future[None]] = []
        self._lock = threading.Lock()
        """Both threads settle: ours, what is settled or withdrawn already."""

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
        with self._lock:
            first = not self._settled
            self._settled.append(waiter)
        if first:  # else whoever put the first has called for a wake, which takes this one along
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        with self._lock:
            settled, self._settled = self._settled, []
        for waiter in settled:
            if not waiter.done():
                waiter.set_result(None)
