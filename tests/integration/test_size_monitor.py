"""Tests that reads which wait for a size share the polls of the database."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from onrecord.kit.sql import db
from onrecord.query import size_monitor
from onrecord.query.size_monitor import SizeMonitor
from tests.support import streaming
from tests.support.store import Store

NAMES = ("positions", "clock")


def test_any_number_of_waiting_reads_costs_one_query_a_poll(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Polls are counted until those that wait have all been polled for five times."""
    streaming.seed_stream(store)
    polls = 0

    async def count_polls(*arguments: Any) -> Sequence[Mapping[str, Any]]:
        nonlocal polls
        polls += 1
        return await db.fetch_all(*arguments)

    async def wait(waiters: int) -> int:
        async with db.pool(store.url, role="onrecord_query", size=2) as pool:
            monitor, loop = SizeMonitor(pool), asyncio.get_running_loop()
            reads = [
                asyncio.create_task(monitor.wait_for(NAMES, 24, deadline=loop.time() + 60))
                for _ in range(waiters)
            ]
            async with asyncio.timeout(30):
                while polls < 5:
                    await asyncio.sleep(0.001)
            assert not any(read.done() for read in reads)
            counted = polls
            gone, *others = reads
            gone.cancel()
            await asyncio.to_thread(store.catch_up)
            assert {24} == {sizes.reached(NAMES) for sizes in await asyncio.gather(*others)}
            return counted

    monkeypatch.setattr(size_monitor, "fetch_all", count_polls)
    assert asyncio.run(wait(200)) == 5


def test_a_read_that_waits_in_vain_gets_the_last_sizes(store: Store) -> None:
    streaming.seed_stream(store)

    async def wait() -> size_monitor.Sizes:
        async with db.pool(store.url, role="onrecord_query", size=1) as pool:
            return await SizeMonitor(pool).wait_for(NAMES, 24, deadline=0)

    sizes = asyncio.run(wait())
    assert (sizes.reached(NAMES), sizes.ledger) == (0, 24)


def test_the_error_of_a_poll_is_that_of_each_waiting_read(store: Store) -> None:
    async def wait() -> None:
        pool = db.pool(store.url, role="onrecord_query", size=1)  # not opened
        monitor = SizeMonitor(pool)
        for _ in range(2):
            reads = [monitor.wait_for(NAMES, 1, deadline=0) for _ in range(3)]
            errors = await asyncio.gather(*reads, return_exceptions=True)
            assert [type(error).__name__ for error in errors] == ["PoolClosed"] * 3

    asyncio.run(wait())
