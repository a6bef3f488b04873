"""A batched query answers concurrent calls as if each had come alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg_pool import PoolTimeout
from sqlalchemy import TextClause, text

from onrecord.kit.sql import batched_query, db
from onrecord.kit.sql.batched_query import MAX_BATCH, MAX_WORKERS, BatchedQuery
from onrecord.projections.queries import POSITION
from tests.support.long_histories import long_history
from tests.support.oracle import run_oracle
from tests.support.store import Store

T = TypeVar("T")

DIVIDED = text(
    "SELECT a.n, 100 / a.by AS found, count(*) OVER () AS beside"
    " FROM json_to_recordset(CAST(:asked AS json)) AS a(n bigint, by bigint) ORDER BY a.n DESC"
)
"""100 divided by each `by`, and beside how many others."""

LOCKING = text(
    "SELECT a.n, a.by AS found, count(*) OVER () AS beside,"
    " CASE a.by WHEN 0 THEN pg_advisory_xact_lock_shared(7) IS NULL END AS waited"
    " FROM json_to_recordset(CAST(:asked AS json)) AS a(n bigint, by bigint)"
)
"""`by` itself; 0 waits for a lock."""


def with_pool(
    url: str, use: Callable[[BatchedQuery], Awaitable[T]], query: TextClause = DIVIDED
) -> T:
    """The result of `use` with a batched query over a pool like the read API's."""

    async def main() -> T:
        async with db.pool(url, role="onrecord_query") as pool:
            return await asyncio.wait_for(use(BatchedQuery(pool, query)), 30)

    return asyncio.run(main())


def divided(query: BatchedQuery, *numbers: int) -> list[asyncio.Task[db.Row]]:
    return [asyncio.create_task(query.fetch_one({"by": one})) for one in numbers]


def test_concurrent_positions_equal_sequential_ones(
    server_url: str, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its own actor, topic, date and size, also where nothing is on record."""
    statements = 0

    async def counted(*args: Any) -> Any:
        nonlocal statements
        statements += 1
        return await db.fetch_all(*args)

    monkeypatch.setattr(batched_query, "rows", counted)
    chance = Random(7)
    with run_oracle(server_url, template) as house:
        played = house.record(long_history(seed=6, length=300))
        actors, topics = [*played.cast.actors, "nobody"], [*played.cast.topics, "nothing"]

        def one() -> tuple[str, Mapping[str, Any]]:
            path = f"/v1/actors/{chance.choice(actors)}/topics/{chance.choice(topics)}/position"
            year = chance.choice(["2020", "2021-06", "2022-06-15", "2023-01-01T00:00:00+05:00"])
            sizes = [{}, {"known_size": played.size(chance.randint(0, 100))}]
            return path, {"as_of": year, **chance.choice(sizes)}

        def ask(query: tuple[str, Mapping[str, Any]]) -> tuple[int, Any]:
            answer = house.client.get(query[0], params=query[1])
            return answer.status_code, answer.json()

        asks = [one() for _ in range(400)]
        alone = [ask(one) for one in asks]
        assert statements == len(asks)
        assert {200, 404} == {status for status, _ in alone}
        with ThreadPoolExecutor(24) as threads:
            at_once = list(threads.map(ask, asks))
    assert alone == at_once
    assert statements < 2 * len(asks)


async def one_by_one(query: BatchedQuery, *numbers: int) -> list[asyncio.Task[db.Row]]:
    """Calls, each in a turn of the event loop of its own."""
    tasks = []
    for number in numbers:
        tasks += divided(query, number)
        await asyncio.sleep(0)  # the call waits
        await asyncio.sleep(0)  # a worker takes it, if one is free
    return tasks


@asynccontextmanager
async def lock_taken(url: str) -> AsyncIterator[None]:
    """Another connection holds the lock."""
    async with await psycopg.AsyncConnection.connect(url) as conn:
        await conn.execute("SELECT pg_advisory_xact_lock(7)")
        yield


def test_calls_that_wait_for_a_worker_share_a_statement(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_query, "SLOW_AFTER", 60)

    async def use(query: BatchedQuery) -> list[db.Row]:
        async with lock_taken(database_url):
            tasks = await one_by_one(query, *[0] * MAX_WORKERS, *range(MAX_BATCH))
        return await asyncio.gather(*tasks)

    found = with_pool(database_url, use, LOCKING)
    assert [*[1] * MAX_WORKERS, *[MAX_BATCH] * MAX_BATCH] == [one["beside"] for one in found]


def test_a_statement_that_hangs_delays_only_its_own_calls(database_url: str) -> None:
    async def use(query: BatchedQuery) -> None:
        async with lock_taken(database_url):
            hanging = await one_by_one(query, *[0] * MAX_WORKERS)
            waiting = await one_by_one(query, *range(1, 3 * MAX_BATCH))
            found = await asyncio.gather(*waiting)
            assert [*range(1, 3 * MAX_BATCH)] == [one["found"] for one in found]
            for by in range(1, 10):
                assert by == (await query.fetch_one({"by": by}))["found"]
            assert not any(one.done() for one in hanging)
        await asyncio.gather(*hanging)

    with_pool(database_url, use, LOCKING)


def test_more_calls_than_a_statement_takes_are_all_answered(database_url: str) -> None:
    numbers = range(1, 20 * MAX_BATCH)

    async def use(query: BatchedQuery) -> list[db.Row]:
        return await asyncio.gather(*divided(query, *numbers))

    found = with_pool(database_url, use)
    assert [100 // by for by in numbers] == [one["found"] for one in found]
    assert MAX_BATCH == max(one["beside"] for one in found)


def test_queries_are_not_jit_compiled(store: Store) -> None:
    """To compile takes a hundred times as long as to run, at each call. (The embedded server cannot
    compile, whatever is set; another server does so once a table is analyzed.)
    """

    async def explained() -> tuple[str, db.Row | None]:
        sql = POSITION.text.replace(":asked", "'[]'")
        async with db.pool(store.url, role="onrecord_query") as pool, pool.connection() as conn:
            await conn.execute("SET jit_above_cost = 0")
            found = await (await conn.execute(f"EXPLAIN ANALYZE {sql}".encode())).fetchall()
            return str(found), await (await conn.execute("SHOW jit")).fetchone()

    name = psycopg.conninfo.conninfo_to_dict(store.url)["dbname"]
    with psycopg.connect(store.url, autocommit=True) as conn:
        conn.execute(f'ALTER DATABASE "{name}" SET jit = on')
    told, set_ = asyncio.run(explained())
    assert "Execution Time" in told
    assert "JIT" not in told
    assert {"jit": "off"} == set_


def test_a_call_right_after_an_answer_is_answered(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only worker is about to end then."""
    monkeypatch.setattr(batched_query, "MAX_WORKERS", 1)

    async def use(query: BatchedQuery) -> list[int]:
        return [(await query.fetch_one({"by": by}))["found"] for by in range(1, 20)]

    assert [100 // by for by in range(1, 20)] == with_pool(database_url, use)


def test_a_call_that_the_database_refuses_fails_alone(database_url: str) -> None:
    async def use(query: BatchedQuery) -> list[db.Row | BaseException]:
        found = await asyncio.gather(*divided(query, 1, 0, 2, 0, 4), return_exceptions=True)
        return [*found, *await asyncio.gather(*divided(query, 10))]

    found = with_pool(database_url, use)
    told = [one["found"] if isinstance(one, dict) else type(one) for one in found]
    zero = psycopg.errors.DivisionByZero
    assert [100, zero, 50, zero, 25, 10] == told


def test_a_call_that_waits_too_long_for_a_lock_fails_alone(database_url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]

    async def use(query: BatchedQuery) -> list[db.Row | BaseException]:
        async with lock_taken(database_url):
            return await asyncio.gather(*divided(query, 1, 0, 2), return_exceptions=True)

    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE \"{name}\" SET lock_timeout = '100ms'")
    one, zero, two = with_pool(database_url, use, LOCKING)
    assert isinstance(zero, psycopg.errors.LockNotAvailable)
    assert [1, 2] == [found["found"] for found in (one, two) if isinstance(found, dict)]


def test_a_cancelled_call_does_not_cancel_others(database_url: str) -> None:
    """Neither before its statement is sent, nor after."""

    async def use(query: BatchedQuery) -> list[db.Row]:
        async with lock_taken(database_url):
            sent = divided(query, *[0] * MAX_BATCH * MAX_WORKERS)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting = divided(query, *range(1, 3 * MAX_BATCH))
            await asyncio.sleep(0)
            for one in [*sent[::2], *waiting[::2], *waiting[:MAX_BATCH]]:
                one.cancel()
        stayed = [one for one in [*sent, *waiting] if not one.cancelling()]
        return await asyncio.gather(*stayed, *divided(query, 50))

    found = with_pool(database_url, use, LOCKING)
    even = [by for by in range(1, 3 * MAX_BATCH) if by % 2 == 0 and by > MAX_BATCH]
    assert [*[0] * (MAX_BATCH * MAX_WORKERS // 2), *even, 50] == [one["found"] for one in found]


def test_only_calls_that_have_waited_for_the_pool_time_out(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_query, "MAX_WORKERS", 1)
    monkeypatch.setattr(batched_query, "SLOW_AFTER", 60)

    async def main() -> tuple[list[db.Row | BaseException], db.Row]:
        async with db.pool(database_url, role="onrecord_query") as pool:
            query = BatchedQuery(pool, DIVIDED)
            async with AsyncExitStack() as others:
                for _ in range(pool.max_size):
                    await others.enter_async_context(pool.connection())
                first = await one_by_one(query, 1, 2)
                await asyncio.sleep(pool.timeout / 2)
                last = divided(query, 4)
                refused = await asyncio.gather(*first, return_exceptions=True)
            return refused, await last[0]

    refused, answered = asyncio.run(main())
    assert [PoolTimeout, PoolTimeout] == [type(one) for one in refused]
    assert 25 == answered["found"]


MANY = 400 * MAX_BATCH


def test_all_calls_fail_together_when_the_database_is_lost(database_url: str) -> None:
    """They do so once the pool gives up, after 5 seconds, and not a few at a time."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]

    async def allow(yes: bool) -> None:
        """Whether the database takes connections; if not, it ends those that there are."""
        async with await psycopg.AsyncConnection.connect(
            psycopg.conninfo.make_conninfo(database_url, dbname="postgres"), autocommit=True
        ) as conn:
            await conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {yes}')
            if not yes:
                await conn.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = %s",
                    [name],
                )

    async def use(query: BatchedQuery) -> tuple[list[db.Row | BaseException], db.Row]:
        await asyncio.gather(*divided(query, 1, 2))
        await allow(False)
        away = await asyncio.gather(*divided(query, *range(MANY)), return_exceptions=True)
        await allow(True)
        while True:
            try:
                return away, await query.fetch_one({"by": 3})
            except PoolTimeout:
                continue  # the pool has its own pace of trying again

    away, back = with_pool(database_url, use)
    assert MANY == len(away)
    assert all(isinstance(one, psycopg.OperationalError) for one in away)
    assert 33 == back["found"]
