"""Are reads that come at the same time answered as if each had come alone?"""

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
from onrecord.kit.sql.batched_query import LANES, MOST, Together
from onrecord.projections.queries import POSITION
from tests.support.long_histories import long_history
from tests.support.oracle import opened
from tests.support.record import Record

T = TypeVar("T")

DIVIDED = text(
    "SELECT a.n, 100 / a.by AS found, count(*) OVER () AS beside"
    " FROM json_to_recordset(CAST(:params AS json)) AS a(n bigint, by bigint) ORDER BY a.n DESC"
)
"""100 divided by each `by`, and beside how many others."""

HELD_UP = text(
    "SELECT a.n, a.by AS found, count(*) OVER () AS beside,"
    " CASE a.by WHEN 0 THEN pg_advisory_xact_lock_shared(7) IS NULL END AS waited"
    " FROM json_to_recordset(CAST(:params AS json)) AS a(n bigint, by bigint)"
)
"""`by` itself; 0 waits for a lock."""


def with_pool(url: str, use: Callable[[Together], Awaitable[T]], query: TextClause = DIVIDED) -> T:
    """What comes of asking through a pool as the read door has it."""

    async def main() -> T:
        async with db.pool(url, role="onrecord_query") as pool:
            return await asyncio.wait_for(use(Together(pool, query)), 30)

    return asyncio.run(main())


def divided(asked: Together, *numbers: int) -> list[asyncio.Task[db.Row]]:
    return [asyncio.create_task(asked.row({"by": one})) for one in numbers]


def test_positions_asked_for_at_once_are_those_asked_for_one_by_one(
    server_url: str, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its own actor, topic, date and size, also where nothing is on record."""
    statements = 0

    async def counted(*args: Any) -> Any:
        nonlocal statements
        statements += 1
        return await db.rows(*args)

    monkeypatch.setattr(batched_query, "rows", counted)
    chance = Random(7)
    with opened(server_url, template) as house:
        played = house.play(long_history(seed=6, length=300))
        actors, topics = [*played.cast.actors, "nobody"], [*played.cast.topics, "nothing"]

        def one() -> tuple[str, Mapping[str, Any]]:
            path = f"/v1/actors/{chance.choice(actors)}/topics/{chance.choice(topics)}/position"
            year = chance.choice(["2020", "2021-06", "2022-06-15", "2023-01-01T00:00:00+05:00"])
            sizes = [{}, {"known_size": played.size(chance.randint(0, 100))}]
            return path, {"as_of": year, **chance.choice(sizes)}

        def ask(asked: tuple[str, Mapping[str, Any]]) -> tuple[int, Any]:
            answer = house.client.get(asked[0], params=asked[1])
            return answer.status_code, answer.json()

        asks = [one() for _ in range(400)]
        alone = [ask(one) for one in asks]
        assert statements == len(asks)
        assert {200, 404} == {status for status, _ in alone}
        with ThreadPoolExecutor(24) as threads:
            at_once = list(threads.map(ask, asks))
    assert alone == at_once
    assert statements < 2 * len(asks)


async def one_by_one(asked: Together, *numbers: int) -> list[asyncio.Task[db.Row]]:
    """Asks, none in the same turn of the event loop as another."""
    tasks = []
    for number in numbers:
        tasks += divided(asked, number)
        await asyncio.sleep(0)  # it waits
        await asyncio.sleep(0)  # it is seen to, if not enough are under way
    return tasks


@asynccontextmanager
async def held_up(url: str) -> AsyncIterator[None]:
    """The lock is somebody's."""
    async with await psycopg.AsyncConnection.connect(url) as conn:
        await conn.execute("SELECT pg_advisory_xact_lock(7)")
        yield


def test_what_is_asked_while_others_are_answered_goes_together(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_query, "LATE", 60)

    async def use(asked: Together) -> list[db.Row]:
        async with held_up(database_url):
            tasks = await one_by_one(asked, *[0] * LANES, *range(MOST))
        return await asyncio.gather(*tasks)

    found = with_pool(database_url, use, HELD_UP)
    assert [*[1] * LANES, *[MOST] * MOST] == [one["beside"] for one in found]


def test_statements_that_hang_hold_up_no_other(database_url: str) -> None:
    async def use(asked: Together) -> None:
        async with held_up(database_url):
            hanging = await one_by_one(asked, *[0] * LANES)
            waiting = await one_by_one(asked, *range(1, 3 * MOST))
            found = await asyncio.gather(*waiting)
            assert [*range(1, 3 * MOST)] == [one["found"] for one in found]
            for by in range(1, 10):
                assert by == (await asked.row({"by": by}))["found"]
            assert not any(one.done() for one in hanging)
        await asyncio.gather(*hanging)

    with_pool(database_url, use, HELD_UP)


def test_more_than_a_statement_takes_are_all_answered(database_url: str) -> None:
    numbers = range(1, 20 * MOST)

    async def use(asked: Together) -> list[db.Row]:
        return await asyncio.gather(*divided(asked, *numbers))

    found = with_pool(database_url, use)
    assert [100 // by for by in numbers] == [one["found"] for one in found]
    assert MOST == max(one["beside"] for one in found)


def test_a_door_has_nothing_compiled(on_record: Record) -> None:
    """It would take a hundred times as long as to run it, at each ask. (The embedded server cannot
    compile, whatever is set; another does so once a table is analyzed.)
    """

    async def explained() -> tuple[str, db.Row | None]:
        sql = POSITION.text.replace(":params", "'[]'")
        async with db.pool(on_record.url, role="onrecord_query") as pool, pool.connection() as conn:
            await conn.execute("SET jit_above_cost = 0")
            found = await (await conn.execute(f"EXPLAIN ANALYZE {sql}".encode())).fetchall()
            return str(found), await (await conn.execute("SHOW jit")).fetchone()

    name = psycopg.conninfo.conninfo_to_dict(on_record.url)["dbname"]
    with psycopg.connect(on_record.url, autocommit=True) as conn:
        conn.execute(f'ALTER DATABASE "{name}" SET jit = on')
    told, set_ = asyncio.run(explained())
    assert "Execution Time" in told
    assert "JIT" not in told
    assert {"jit": "off"} == set_


def test_who_asks_again_as_soon_as_answered_is_answered(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the only one under way is about to end."""
    monkeypatch.setattr(batched_query, "LANES", 1)

    async def use(asked: Together) -> list[int]:
        return [(await asked.row({"by": by}))["found"] for by in range(1, 20)]

    assert [100 // by for by in range(1, 20)] == with_pool(database_url, use)


def test_an_ask_that_the_database_refuses_is_refused_alone(database_url: str) -> None:
    async def use(asked: Together) -> list[db.Row | BaseException]:
        found = await asyncio.gather(*divided(asked, 1, 0, 2, 0, 4), return_exceptions=True)
        return [*found, *await asyncio.gather(*divided(asked, 10))]

    found = with_pool(database_url, use)
    told = [one["found"] if isinstance(one, dict) else type(one) for one in found]
    zero = psycopg.errors.DivisionByZero
    assert [100, zero, 50, zero, 25, 10] == told


def test_an_ask_that_waits_too_long_for_a_lock_is_cut_off_alone(database_url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]

    async def use(asked: Together) -> list[db.Row | BaseException]:
        async with held_up(database_url):
            return await asyncio.gather(*divided(asked, 1, 0, 2), return_exceptions=True)

    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE \"{name}\" SET lock_timeout = '100ms'")
    one, zero, two = with_pool(database_url, use, HELD_UP)
    assert isinstance(zero, psycopg.errors.LockNotAvailable)
    assert [1, 2] == [found["found"] for found in (one, two) if isinstance(found, dict)]


def test_who_goes_away_takes_nobody_along(database_url: str) -> None:
    """Neither before it is sent, nor after."""

    async def use(asked: Together) -> list[db.Row]:
        async with held_up(database_url):
            sent = divided(asked, *[0] * MOST * LANES)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting = divided(asked, *range(1, 3 * MOST))
            await asyncio.sleep(0)
            for one in [*sent[::2], *waiting[::2], *waiting[:MOST]]:
                one.cancel()
        stayed = [one for one in [*sent, *waiting] if not one.cancelling()]
        return await asyncio.gather(*stayed, *divided(asked, 50))

    found = with_pool(database_url, use, HELD_UP)
    even = [by for by in range(1, 3 * MOST) if by % 2 == 0 and by > MOST]
    assert [*[0] * (MOST * LANES // 2), *even, 50] == [one["found"] for one in found]


def test_a_pool_that_others_use_up_refuses_only_who_has_waited_for_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_query, "LANES", 1)
    monkeypatch.setattr(batched_query, "LATE", 60)

    async def main() -> tuple[list[db.Row | BaseException], db.Row]:
        async with db.pool(database_url, role="onrecord_query") as pool:
            asked = Together(pool, DIVIDED)
            async with AsyncExitStack() as others:
                for _ in range(pool.max_size):
                    await others.enter_async_context(pool.connection())
                first = await one_by_one(asked, 1, 2)
                await asyncio.sleep(pool.timeout / 2)
                last = divided(asked, 4)
                refused = await asyncio.gather(*first, return_exceptions=True)
            return refused, await last[0]

    refused, answered = asyncio.run(main())
    assert [PoolTimeout, PoolTimeout] == [type(one) for one in refused]
    assert 25 == answered["found"]


MANY = 400 * MOST


def test_a_database_that_goes_away_is_told_to_all_at_about_the_same_time(database_url: str) -> None:
    """Once the pool gives up, after 5 seconds, and not a few at a time."""
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

    async def use(asked: Together) -> tuple[list[db.Row | BaseException], db.Row]:
        await asyncio.gather(*divided(asked, 1, 2))
        await allow(False)
        away = await asyncio.gather(*divided(asked, *range(MANY)), return_exceptions=True)
        await allow(True)
        while True:
            try:
                return away, await asked.row({"by": 3})
            except PoolTimeout:
                continue  # the pool has its own pace of trying again

    away, back = with_pool(database_url, use)
    assert MANY == len(away)
    assert all(isinstance(one, psycopg.OperationalError) for one in away)
    assert 33 == back["found"]
