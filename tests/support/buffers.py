"""The buffers that each statement of a read goes through, counted by EXPLAIN ANALYZE.

A count of buffers is the same on a busy machine and on a quiet one. Used by tests of query plans.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from psycopg import sql
from psycopg.rows import tuple_row
from sqlalchemy.sql import ClauseElement

from onrecord.kit.sql import db

PLANS: Final = ("force_custom_plan", "force_generic_plan")
"""A connection plans a statement for its values at first, and later perhaps for all values."""


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """Buffers by statement, its parameters left out; the most of its calls in this process."""
    counts: dict[str, int] = {}
    fetch_all = db._fetch_all

    async def count_and_fetch(
        pool: db.Pool, query: ClauseElement, params: Mapping[str, Any]
    ) -> Sequence[db.Row]:
        numbered, names = db.numbered_query(query)
        values = [params[name] for name in names]
        for plan in PLANS:
            buffers = await _buffers(pool, numbered, values, plan)
            counts[numbered.decode()] = max(buffers, counts.get(numbered.decode(), 0))
        return await fetch_all(pool, query, params)

    db._fetch_all = count_and_fetch
    try:
        yield counts
    finally:
        db._fetch_all = fetch_all


async def _buffers(pool: db.Pool, query: bytes, values: Sequence[Any], plan: str) -> int:
    async with pool.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(f"SET plan_cache_mode = {plan}".encode())
        await cursor.execute(b"PREPARE counted AS " + query, prepare=False)
        arguments = sql.SQL(", ").join(map(sql.Literal, values))
        call = sql.SQL("({})").format(arguments) if values else sql.SQL("")
        explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE counted {}")
        await cursor.execute(explain.format(call), prepare=False)
        row = await cursor.fetchone()
        await cursor.execute(b"DEALLOCATE counted", prepare=False)
        await cursor.execute(b"RESET plan_cache_mode")
    assert row
    top = row[0][0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
