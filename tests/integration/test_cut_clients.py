"""Tests that a client that goes away costs no connection, ends its work and is no error."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

import psycopg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from onrecord.kit.sql import db
from tests.support import streaming
from tests.support.bodies import ledger_size
from tests.support.cut_clients import cut_clients, missing_connections, opened_pools
from tests.support.processes import until
from tests.support.store import Store, run_api

NUMBER = text("SELECT count(*) AS number FROM generate_series(1, CAST(:rows AS integer))")
SLEEP = text("SELECT pg_sleep(CAST(:seconds AS integer))")
SLEEPING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event = 'PgSleep'
"""
SIZE = 2


def run_with_pool(url: str, use: Callable[[db.Pool], Awaitable[None]]) -> None:
    async def run() -> None:
        async with db.pool(url, role="onrecord_query", size=SIZE) as pool:
            await use(pool)

    asyncio.run(run())


async def assert_whole(pool: db.Pool) -> None:
    """All connections that the pool ever opened are idle in it."""
    async with asyncio.timeout(60):
        while any(missing_connections([pool]).values()):
            await asyncio.sleep(0.01)
    stats = pool.get_stats()
    assert stats["connections_num"] == stats["pool_size"] <= SIZE


async def fetch_forever(pool: db.Pool) -> None:
    while True:
        await db.fetch_all(pool, NUMBER, {"rows": random.choice((1, 1, 1, 10_000))})


def test_a_pool_takes_back_a_connection_from_a_cancelled_task(database_url: str) -> None:
    """The task is cancelled while another one has the pool's lock."""

    async def use(pool: db.Pool) -> None:
        is_used, is_over = asyncio.Event(), asyncio.Event()

        async def use_connection() -> None:
            async with pool.connection():
                is_used.set()
                await is_over.wait()

        for _ in range(SIZE):
            task = asyncio.create_task(use_connection())
            await is_used.wait()
            async with pool._lock:
                is_over.set()
                await asyncio.sleep(0.01)
                task.cancel()
                await asyncio.wait([task])
            is_used.clear()
            is_over.clear()
        await assert_whole(pool)

    run_with_pool(database_url, use)


@pytest.mark.parametrize("times", [1, 1_000])
def test_cancelling_a_query_ends_it_on_the_server_and_keeps_its_connection(
    database_url: str, times: int
) -> None:
    """Starlette cancels a stream at each turn of the event loop until it ends."""

    async def use(pool: db.Pool) -> None:
        query = asyncio.create_task(db.fetch_all(pool, SLEEP, {"seconds": 60}))
        await until_sleeping(1)
        for _ in range(times):
            query.cancel()
            await asyncio.sleep(0)
        assert query.cancelled()
        await until_sleeping(0)
        await assert_whole(pool)

    async def until_sleeping(count: int) -> None:
        """Wait until so many queries sleep on the server."""
        async with asyncio.timeout(30):
            async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn:
                while await (await conn.execute(SLEEPING)).fetchone() != (count,):
                    await asyncio.sleep(0.01)

    run_with_pool(database_url, use)


def test_clients_cancelled_at_random_moments_end_and_leave_the_pool_whole(
    database_url: str,
) -> None:
    """Python 3.11 ignores a cancellation at the moment at which a pool gives a connection."""

    async def use(pool: db.Pool) -> None:
        clients = []
        for _ in range(1_000):
            clients.append(asyncio.create_task(fetch_forever(pool)))
            await asyncio.sleep(random.random() * 0.002)
            if len(clients) > 10:
                clients[-10].cancel()
        for client in clients:
            client.cancel()
        _, running = await asyncio.wait(clients, timeout=120)
        assert set() == running
        await assert_whole(pool)

    run_with_pool(database_url, use)


# The APIs


def test_clients_that_go_away_leave_the_pools_whole_and_no_error_in_the_log(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    streaming.seed_stream(store)
    store.catch_up()
    before = ledger_size(store.url)
    with (
        capture_logs() as entries,
        opened_pools() as pools,
        run_api(store.url) as client,
    ):
        port = client.base_url.port
        assert port
        asyncio.run(cut_clients(port, count=2_000))
        until(lambda: not any(missing_connections(pools).values()), "all pools are whole")
        assert {pool.max_size for pool in pools} == {4, 8}
        assert [pool.get_stats()["connections_num"] for pool in pools] == [
            pool.get_stats()["pool_size"] for pool in pools
        ]
        assert [entry for entry in entries if entry["log_level"] == "error"] == []
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []

        def ready() -> bool:
            store.sweep()  # on a busy machine the last one may be too long ago for `/readyz`
            return client.get("/readyz").status_code == 200

        until(ready, "every part is ready")
        assert 200 == client.get("/v1/events", params={"limit": 1}).status_code
    assert before == ledger_size(store.url)
