"""Turns of the event loop that all batches of a process share. Used by `batch_lines`.

To refuse a line takes a tenth of a millisecond, all of it on the event loop. If each of 30 batches
worked a little in each turn of the loop, a read, which takes some ten turns, would wait for all of
them each time.
"""

import asyncio
import time
from typing import Final

TURN_SECONDS: Final = 0.002
"""How long a batch works in a turn; a line that takes longer is finished."""


class Turns:
    """Lets at most one batch work in a turn of the event loop, the one that waited for longest."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def next(self) -> None:
        """Wait for the caller's turn, with one at least for all other requests before it."""
        async with self._lock:
            await asyncio.sleep(0)


class Pace:
    """The working time of a batch."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._began = time.monotonic()

    async def keep(self) -> None:
        """Let others go first if the batch has worked for a turn. Call it between lines."""
        if time.monotonic() - self._began > TURN_SECONDS:
            await self._turns.next()
            self._began = time.monotonic()
