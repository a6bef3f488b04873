"""Monitor of the sizes that projections have reached, for reads that wait for one.

Used by `read_context`. One task a process polls while reads wait, however many they are: with a
poll for each, 200 waiting reads took all connections of the pool. It does not use NOTIFY, which
would halve the throughput of appends and which replicas do not have.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Final, NamedTuple

from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.projections.queries import SIZES

SIZES_INTERVAL: Final = 0.01
"""Seconds between polls."""


@dataclass(frozen=True)
class Sizes:
    """What was polled: the size of each projection, and of the ledger unless on a replica."""

    projections: Mapping[str, int]
    ledger: int | None

    def reached(self, names: Sequence[str]) -> int:
        """The size that all these projections have reached."""
        return min(self.projections.get(name, 0) for name in names)


class _Waiter(NamedTuple):
    projections: Sequence[str]
    size: int
    deadline: float
    """A time of the event loop's clock."""
    result: asyncio.Future[Sizes]


class SizeMonitor:
    """Polls while reads wait. A read gets only polls that began after it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiters: list[_Waiter] = []
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def wait_for(self, projections: Sequence[str], size: int, *, deadline: float) -> Sizes:
        """The sizes when these projections have reached `size`, or at the poll after `deadline`."""
        result: asyncio.Future[Sizes] = asyncio.get_running_loop().create_future()
        self._waiters.append(_Waiter(projections, size, deadline, result))
        self._arrived.set()
        if self._task is None or self._task.done():
            # in an empty context: what it logs belongs to no request
            self._task = asyncio.create_task(self._poll(), context=Context())
        return await result

    async def _poll(self) -> None:
        while self._waiters:
            waiters, self._waiters = self._waiters, []
            self._arrived.clear()
            try:
                (row,) = await fetch_all(self._pool, SIZES, {})
            except Exception as error:  # it is the error of each read that waits
                # also of those that came meanwhile: they would wait twice for a silent server
                waiters, self._waiters = [*waiters, *self._waiters], []
                for waiter in waiters:
                    if not waiter.result.done():
                        waiter.result.set_exception(error)
            else:
                sizes = Sizes(row["projections"], row["ledger"])
                self._waiters += [waiter for waiter in waiters if not _settle(waiter, sizes)]
            with suppress(TimeoutError):  # a new read is polled for at once
                async with asyncio.timeout(SIZES_INTERVAL):
                    await self._arrived.wait()


def _settle(waiter: _Waiter, sizes: Sizes) -> bool:
    """Whether the read waits no more."""
    is_over = (
        sizes.reached(waiter.projections) >= waiter.size
        or asyncio.get_running_loop().time() >= waiter.deadline
    )
    if is_over and not waiter.result.done():
        waiter.result.set_result(sizes)
    return waiter.result.done()  # or its client has gone
