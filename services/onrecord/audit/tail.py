"""The end of the ledger, watched for open streams.

One task a process polls the ledger's size while there are listeners, and wakes those that wait for
it to grow. It does not use NOTIFY, which would halve the throughput of appends. `streams` listens;
`entrypoints.app_factory` makes the `Tail` and closes it when the server stops.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import psycopg
import structlog

from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.ledger.read import SIZE

log = structlog.get_logger()

POLL_INTERVAL: Final = 0.2
"""Seconds."""


class Watch:
    """The ledger's size when it was last polled; `over` once it is polled no more."""

    def __init__(self) -> None:
        self.size, self.over, self.listeners = 0, False, 0
        self._changed = asyncio.Event()

    async def wait_beyond(self, size: int, *, deadline: float) -> None:
        """Wait until the ledger's size is above this, the watch is over or the deadline passes.

        `deadline` is a time of the event loop's clock.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while self.size <= size and not self.over:
                    await self._changed.wait()

    def end(self) -> None:
        """Tell every listener to end."""
        self.over = True
        self._wake()

    async def run(self, pool: Pool) -> None:
        """Poll until cancelled; over when the database cannot be reached or the ledger shrank."""
        try:
            while True:
                size = (await fetch_all(pool, SIZE, {}))[0]["size"]
                if size < self.size:
                    log.warning("the ledger shrank", was=self.size, now=size)
                    return
                if size > self.size:
                    self.size = size
                    self._wake()
                await asyncio.sleep(POLL_INTERVAL)
        except psycopg.Error as error:
            log.warning("live streams end", reason=type(error).__name__)
        finally:
            self.end()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Tail:
    """The watch of this process, for any number of listeners."""

    def __init__(self, pool: Pool) -> None:
        self._pool, self._closed = pool, False
        self._watch = Watch()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Watch]:
        """The watch, which starts with its first listener and ends with its last."""
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
        """End every stream, now and later."""
        self._closed = True
        self._watch.end()
