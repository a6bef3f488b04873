"""How does what another thread has done reach the event loop, much of it at one wake?

Called by the write door, whose committer settles hundreds of futures at once. `asyncio.wrap_future`
would wake the loop, a system call, for each of them.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any


class Wakes:
    """Wakes the event loop that it was made on."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        """Both threads call: ours, for what is settled or withdrawn already."""

    async def done(self, future: Future[Any]) -> None:
        """Wait until another thread has settled `future`; who is cancelled cancels it."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        future.add_done_callback(lambda _: self.soon(partial(_wake, waiter)))
        try:
            await waiter
        except asyncio.CancelledError:
            future.cancel()
            raise

    def soon(self, call: Callable[[], None]) -> None:
        """Have this called on the event loop."""
        with self._lock:
            first = not self._calls
            self._calls.append(call)
        if first:  # else whoever put the first has called for a wake, which takes this one along
            self._loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        with self._lock:
            calls, self._calls = self._calls, []
        for call in calls:
            call()


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
