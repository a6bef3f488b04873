"""How do open streams learn that the ledger grew?

One watch a process, which lasts while somebody listens: it asks for the ledger's size and wakes
whoever waits for more. Not by NOTIFY, which would halve what the ledger takes. `streams` listens;
the entrypoint makes the `Tail` and closes it when the server stops.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import psycopg
import structlog

from onrecord.kit.sql.db import Pool, rows
from onrecord.ledger.read import SIZE

log = structlog.get_logger()

EVERY: Final = 0.2
"""Seconds between two looks."""


class Watch:
    """The ledger's size as last seen; `over` when there will be no more of it."""

    def __init__(self) -> None:
        self.size, self.over, self.listeners = 0, False, 0
        self._changed = asyncio.Event()

    async def grown(self, beyond: int, *, until: float) -> None:
        """Return when the size is above this one, the watch over, or the loop's clock there."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while self.size <= beyond and not self.over:
                    await self._changed.wait()

    def end(self) -> None:
        """Every listener is to end."""
        self.over = True
        self._wake()

    async def run(self, pool: Pool) -> None:
        """Look until cancelled; over when the database is away, or smaller than it was."""
        try:
            while True:
                size = (await rows(pool, SIZE, {}))[0]["size"]
                if size < self.size:
                    log.warning("the ledger shrank", was=self.size, now=size)
                    return
                if size > self.size:
                    self.size = size
                    self._wake()
                await asyncio.sleep(EVERY)
        except psycopg.Error as error:
            log.warning("live streams end", reason=type(error).__name__)
        finally:
            self.end()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Tail:
    """The end of the ledger, for any number of listeners in this process."""

    def __init__(self, pool: Pool) -> None:
        self._pool, self._closed = pool, False
        self._watch = Watch()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Watch]:
        """The watch, begun with its first listener and ended with its last."""
        if self._task is None or self._watch.over:
            self._watch = Watch()
            self._task = asyncio.create_task(self._watch.run(self._pool))
        watch, task = self._watch, self._task
        if self._closed:
            watch.end()
        watch.listeners += 1
        try:
            yield watch
        finally:
            watch.listeners -= 1
            if watch.listeners == 0:
                watch.end()
                task.cancel()

    def close(self) -> None:
        """End every stream, and those still to come."""
        self._closed = True
        self._watch.end()
