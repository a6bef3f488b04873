"""How does a process reach PostgreSQL, and how is a query that is a value run?

Called by entrypoints (to connect, each process in the role of its room), by folds (sync SQLAlchemy
Core) and by the doors (async, autocommit, one function: `rows`). A role is a fence inside one
program: the login user takes it with its connection, and can then do only what that room may.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg.types.array import ListBinaryDumper
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Engine, create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql import ClauseElement

Row = dict[str, Any]
Pool = AsyncConnectionPool[psycopg.AsyncConnection[Row]]

# SQLAlchemy's dialects carry no types
_DIALECT: Final = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]


def conninfo(url: str, *, role: str | None = None, **settings: str) -> str:
    """A libpq connection string in key=value form for `url`, in a role and with server settings.

    Always in UTC: Python has no year before 1, where west of Greenwich the year 1 begins.
    """
    given = conninfo_to_dict(url)
    options = [str(given.pop("options", "") or ""), "-c timezone=UTC"]
    options += [f"-c {name}={value}" for name, value in settings.items()]
    options += [f"-c role={role}"] if role else []
    given.setdefault("application_name", role or "onrecord")
    given.setdefault("connect_timeout", 5)
    return make_conninfo("", **given, options=" ".join(one for one in options if one))


def connect(url: str, *, role: str | None = None, **settings: str) -> psycopg.Connection[Any]:
    """A sync connection in autocommit. It sends lists as binary arrays, which cost a tenth."""
    conn = psycopg.connect(conninfo(url, role=role, **settings), autocommit=True)
    conn.adapters.register_dumper(list, ListBinaryDumper)
    return conn


def engine(url: str, *, role: str | None = None, **settings: str) -> Engine:
    """A sync SQLAlchemy engine with a small pool, its connections checked before use."""
    target = conninfo(url, role=role, **settings)
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(target),
        pool_pre_ping=True,
        pool_size=2,
        hide_parameters=True,  # they may be words, which an error's text would carry into a log
        json_deserializer=orjson.loads,
        json_serializer=lambda value: orjson.dumps(value).decode(),
    )


def pool(url: str, *, role: str, size: int = 8) -> Pool:
    """An async pool in autocommit, not opened yet. Rows are dicts; JSON is read by orjson.

    Every query of a door looks things up by indexes. Planned once while a table was small, it would
    otherwise read all of a growing one, until the next ANALYZE. Nor is one compiled, which takes a
    hundred times as long as to run it.
    """
    without = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")
    lookups = dict.fromkeys(without, "off")
    return AsyncConnectionPool(
        conninfo(url, role=role, statement_timeout="10s", **lookups),
        open=False,
        min_size=1,
        max_size=size,
        timeout=5,
        kwargs={"autocommit": True, "row_factory": dict_row},
        configure=_configure,
    )


async def _configure(conn: psycopg.AsyncConnection[Row]) -> None:
    set_json_loads(orjson.loads, conn)


_NUMBERED: Final = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


@lru_cache(maxsize=512)
def _numbered(query: ClauseElement) -> tuple[bytes, tuple[str, ...]]:
    """A query as PostgreSQL takes it, and the names of its parameters in order.

    psycopg turns names into numbers itself, anew at each call where a query has over 4 KB.
    """
    made = query.compile(dialect=_NUMBERED)
    return made.string.encode(), tuple(made.positiontup or ())  # type: ignore[attr-defined]


@lru_cache(maxsize=512)
def compiled(query: ClauseElement) -> bytes:
    """A query as psycopg takes it, compiled once."""
    return query.compile(dialect=_DIALECT).string.encode()


async def rows(pool: Pool, query: ClauseElement, params: Mapping[str, Any]) -> Sequence[Row]:
    """Run a query that is a value and changes nothing. One statement, so one snapshot.

    A connection that was lost while it lay in the pool is found by using it, and what was read may
    be read again: to check each one beforehand would cost a fifth of a small query (measured).
    """
    sql, names = _numbered(query)
    values = [params[name] for name in names]
    again = False
    while True:
        async with pool.connection() as conn:
            try:
                cursor = psycopg.AsyncRawCursor(conn, row_factory=dict_row)
                return await (await cursor.execute(sql, values, binary=True)).fetchall()
            except psycopg.OperationalError:
                if not conn.broken or again:
                    raise
        again = True
        await pool.check()
