"""Tests of batched queries: concurrent calls get the same results as sequential calls."""

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

DIVIDE = text(
    "SELECT a.n, 100 / a.by AS result, count(*) OVER () AS batch_size"
    " FROM json_to_recordset(CAST(:params AS json)) AS a(n bigint, by bigint) ORDER BY a.n DESC"
)
"""100 divided by each `by`, and the number of calls in the batch."""

LOCK_AND_RETURN = text(
    "SELECT a.n, a.by AS result, count(*) OVER () AS batch_size,"
    " CASE a.by WHEN 0 THEN pg_advisory_xact_lock_shared(7) IS NULL END AS waited"
    " FROM json_to_recordset(CAST(:params AS json)) AS a(n bigint, by bigint)"
)
"""Returns `by`; 0 waits for a lock."""


def with_pool(
    url: str, use: Callable[[BatchedQuery], Awaitable[T]], query: TextClause = DIVIDE
) -> T:
    """The result of `use` with a batched query over a pool like the read API's."""

    async def main() -> T:
        async with db.pool(url, role="onrecord_query") as pool:
            return await asyncio.wait_for(use(BatchedQuery(pool, query)), 30)

    return asyncio.run(main())


def start_calls(query: BatchedQuery, *numbers: int) -> list[asyncio.Task[db.Row]]:
    return [asyncio.create_task(query.fetch_one({"by": number})) for number in numbers]


def test_concurrent_positions_equal_sequential_ones(
    server_url: str, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random actors, topics, dates and sizes, some of them not on record."""
    statements = 0

    async def counted(*args: Any) -> Any:
        nonlocal statements
        statements += 1
        return await db.fetch_all(*args)

    monkeypatch.setattr(batched_query, "fetch_all", counted)
    chance = Random(7)
    with run_oracle(server_url, template) as oracle:
        played = oracle.record(long_history(seed=6, length=300))
        actors, topics = [*played.cast.actors, "nobody"], [*played.cast.topics, "nothing"]

        def random_query() -> tuple[str, Mapping[str, Any]]:
            path = f"/v1/actors/{chance.choice(actors)}/topics/{chance.choice(topics)}/position"
            year = chance.choice(["2020", "2021-06", "2022-06-15", "2023-01-01T00:00:00+05:00"])
            sizes = [{}, {"known_size": played.size(chance.randint(0, 100))}]
            return path, {"as_of": year, **chance.choice(sizes)}

        def send(query: tuple[str, Mapping[str, Any]]) -> tuple[int, Any]:
            answer = oracle.client.get(query[0], params=query[1])
            body = answer.json()
            body.get("known", {}).pop("provisional", None)  # by the clock: nothing sweeps here
            return answer.status_code, body

        queries = [random_query() for _ in range(400)]
        sequential = [send(query) for query in queries]
        assert statements == len(queries)
        assert {200, 404} == {status for status, _ in sequential}
        with ThreadPoolExecutor(24) as threads:
            concurrent = list(threads.map(send, queries))
    assert sequential == concurrent
    assert statements < 2 * len(queries)


async def start_calls_in_turn(query: BatchedQuery, *numbers: int) -> list[asyncio.Task[db.Row]]:
    """Start each call in its own iteration of the event loop."""
    tasks = []
    for number in numbers:
        tasks += start_calls(query, number)
        await asyncio.sleep(0)  # the call waits
        await asyncio.sleep(0)  # a worker takes it, if one is free
    return tasks


@asynccontextmanager
async def lock_held(url: str) -> AsyncIterator[None]:
    """Another connection holds the lock."""
    async with await psycopg.AsyncConnection.connect(url) as conn:
        await conn.execute("SELECT pg_advisory_xact_lock(7)")
        yield


def test_calls_that_wait_for_a_worker_share_a_statement(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_query, "SLOW_AFTER", 60)

    async def use(query: BatchedQuery) -> list[db.Row]:
        async with lock_held(database_url):
            tasks = await start_calls_in_turn(query, *[0] * MAX_WORKERS, *range(MAX_BATCH))
        return await asyncio.gather(*tasks)

    rows = with_pool(database_url, use, LOCK_AND_RETURN)
    assert [*[1] * MAX_WORKERS, *[MAX_BATCH] * MAX_BATCH] == [row["batch_size"] for row in rows]


def test_a_statement_that_hangs_delays_only_its_own_calls(database_url: str) -> None:
    async def use(query: BatchedQuery) -> None:
        async with lock_held(database_url):
            hanging = await start_calls_in_turn(query, *[0] * MAX_WORKERS)
            waiting = await start_calls_in_turn(query, *range(1, 3 * MAX_BATCH))
            results = await asyncio.gather(*waiting)
            assert [*range(1, 3 * MAX_BATCH)] == [row["result"] for row in results]
            for by in range(1, 10):
                assert by == (await query.fetch_one({"by": by}))["result"]
            assert not any(call.done() for call in hanging)
        await asyncio.gather(*hanging)

    with_pool(database_url, use, LOCK_AND_RETURN)


def test_more_calls_than_a_statement_takes_are_all_answered(database_url: str) -> None:
    numbers = range(1, 20 * MAX_BATCH)

    async def use(query: BatchedQuery) -> list[db.Row]:
        return await asyncio.gather(*start_calls(query, *numbers))

    rows = with_pool(database_url, use)
    assert [100 // by for by in numbers] == [row["result"] for row in rows]
    assert MAX_BATCH == max(row["batch_size"] for row in rows)


def test_queries_are_not_jit_compiled(store: Store) -> None:
    """JIT compilation takes a hundred times as long as the query, at each call. (The embedded
    server cannot compile, whatever the setting; others do so once a table is analyzed.)
    """

    async def explained() -> tuple[str, db.Row | None]:
        sql = POSITION.text.replace(":params", "'[]'")
        async with db.pool(store.url, role="onrecord_query") as pool, pool.connection() as conn:
            await conn.execute("SET jit_above_cost = 0")
            rows = await (await conn.execute(f"EXPLAIN ANALYZE {sql}".encode())).fetchall()
            return str(rows), await (await conn.execute("SHOW jit")).fetchone()

    name = psycopg.conninfo.conninfo_to_dict(store.url)["dbname"]
    with psycopg.connect(store.url, autocommit=True) as conn:
        conn.execute(f'ALTER DATABASE "{name}" SET jit = on')
    plan, setting = asyncio.run(explained())
    assert "Execution Time" in plan
    assert "JIT" not in plan
    assert {"jit": "off"} == setting


def test_a_call_right_after_an_answer_is_answered(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At that time the only worker is about to end."""
    monkeypatch.setattr(batched_query, "MAX_WORKERS", 1)

    async def use(query: BatchedQuery) -> list[int]:
        return [(await query.fetch_one({"by": by}))["result"] for by in range(1, 20)]

    assert [100 // by for by in range(1, 20)] == with_pool(database_url, use)


def test_a_call_that_the_database_refuses_fails_alone(database_url: str) -> None:
    async def use(query: BatchedQuery) -> list[db.Row | BaseException]:
        results = await asyncio.gather(*start_calls(query, 1, 0, 2, 0, 4), return_exceptions=True)
        return [*results, *await asyncio.gather(*start_calls(query, 10))]

    results = with_pool(database_url, use)
    outcomes = [
        result["result"] if isinstance(result, dict) else type(result) for result in results
    ]
    zero = psycopg.errors.DivisionByZero
    assert [100, zero, 50, zero, 25, 10] == outcomes


def test_a_call_that_waits_too_long_for_a_lock_fails_alone(database_url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]

    async def use(query: BatchedQuery) -> list[db.Row | BaseException]:
        async with lock_held(database_url):
            return await asyncio.gather(*start_calls(query, 1, 0, 2), return_exceptions=True)

    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE \"{name}\" SET lock_timeout = '100ms'")
    first, second, third = with_pool(database_url, use, LOCK_AND_RETURN)
    assert isinstance(second, psycopg.errors.LockNotAvailable)
    assert [1, 2] == [row["result"] for row in (first, third) if isinstance(row, dict)]


def test_a_cancelled_call_does_not_cancel_others(database_url: str) -> None:
    """Neither before its statement is sent, nor after."""

    async def use(query: BatchedQuery) -> list[db.Row]:
        async with lock_held(database_url):
            sent = start_calls(query, *[0] * MAX_BATCH * MAX_WORKERS)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting = start_calls(query, *range(1, 3 * MAX_BATCH))
            await asyncio.sleep(0)
            for call in [*sent[::2], *waiting[::2], *waiting[:MAX_BATCH]]:
                call.cancel()
        remaining = [call for call in [*sent, *waiting] if not call.cancelling()]
        return await asyncio.gather(*remaining, *start_calls(query, 50))

    rows = with_pool(database_url, use, LOCK_AND_RETURN)
    even = [by for by in range(1, 3 * MAX_BATCH) if by % 2 == 0 and by > MAX_BATCH]
    assert [*[0] * (MAX_BATCH * MAX_WORKERS // 2), *even, 50] == [row["result"] for row in rows]


def test_only_calls_that_have_waited_for_the_pool_time_out(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_query, "MAX_WORKERS", 1)
    monkeypatch.setattr(batched_query, "SLOW_AFTER", 60)

    async def main() -> tuple[list[db.Row | BaseException], db.Row]:
        async with db.pool(database_url, role="onrecord_query") as pool:
            query = BatchedQuery(pool, DIVIDE)
            async with AsyncExitStack() as others:
                for _ in range(pool.max_size):
                    await others.enter_async_context(pool.connection())
                first = await start_calls_in_turn(query, 1, 2)
                await asyncio.sleep(pool.timeout / 2)
                last = start_calls(query, 4)
                refused = await asyncio.gather(*first, return_exceptions=True)
            return refused, await last[0]

    refused, answered = asyncio.run(main())
    assert [PoolTimeout, PoolTimeout] == [type(error) for error in refused]
    assert 25 == answered["result"]


MANY = 400 * MAX_BATCH


def test_all_calls_fail_together_when_the_database_is_lost(database_url: str) -> None:
    """They fail when the pool times out, after 5 seconds, and not a few at a time."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]

    async def allow_connections(allowed: bool) -> None:
        """Allow or refuse connections to the database; refusing also ends the open ones."""
        async with await psycopg.AsyncConnection.connect(
            psycopg.conninfo.make_conninfo(database_url, dbname="postgres"), autocommit=True
        ) as conn:
            await conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {allowed}')
            if not allowed:
                await conn.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = %s",
                    [name],
                )

    async def use(query: BatchedQuery) -> tuple[list[db.Row | BaseException], db.Row]:
        await asyncio.gather(*start_calls(query, 1, 2))
        await allow_connections(False)
        errors = await asyncio.gather(*start_calls(query, *range(MANY)), return_exceptions=True)
        await allow_connections(True)
        while True:
            try:
                return errors, await query.fetch_one({"by": 3})
            except PoolTimeout:
                continue  # the pool decides when to reconnect

    errors, row = with_pool(database_url, use)
    assert MANY == len(errors)
    assert all(isinstance(error, psycopg.OperationalError) for error in errors)
    assert 33 == row["result"]
