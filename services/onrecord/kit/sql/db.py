"""Connections to PostgreSQL, and the function that runs the queries of the APIs.

Used by entrypoints, which open the connections of each process in the role of its package; by folds
(sync, SQLAlchemy Core); and by the APIs (async, in autocommit, `fetch_all`). The login user takes a
role with its connection and can then do only what the package of that name may.
"""

import asyncio
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

from onrecord.kit.sql.deadlines import (
    AsyncDeadlineConnection,
    DeadlineConnection,
    ServerSilent,
)
from onrecord.kit.sql.pool_metrics import POOLS

Row = dict[str, Any]
Pool = AsyncConnectionPool[psycopg.AsyncConnection[Row]]

RECONNECT_SECONDS: Final = 3
"""After this a pool begins a new series of attempts: those of one are ever further apart, up to two
minutes.
"""

# SQLAlchemy's dialects carry no types
_DIALECT: Final = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]


def conninfo(url: str, *, role: str | None = None, **settings: str) -> str:
    """A libpq connection string in key=value form for `url`, in a role and with server settings.

    The time zone is always UTC: west of it the first instant of the year 1 lies in the year 0,
    which Python's `datetime` does not have. JIT compilation is off: for a statement of the size of
    ours, which reads few rows, it takes a hundred times as long as running it.
    """
    given = conninfo_to_dict(url)
    options = [str(given.pop("options", "") or ""), "-c timezone=UTC -c jit=off"]
    options += [f"-c {name}={value}" for name, value in settings.items()]
    options += [f"-c role={role}"] if role else []
    given.setdefault("application_name", role or "onrecord")
    given.setdefault("connect_timeout", 5)
    return make_conninfo("", **given, options=" ".join(option for option in options if option))


def connect(url: str, *, role: str | None = None, **settings: str) -> psycopg.Connection[Any]:
    """A sync connection in autocommit. It sends lists as binary arrays, which cost a tenth."""
    conn = psycopg.connect(conninfo(url, role=role, **settings), autocommit=True)
    _send_binary_lists(conn)
    return conn


def connect_writer(url: str, *, role: str, **settings: str) -> DeadlineConnection:
    """The same with a deadline for each answer. Its methods raise `ServerSilent`."""
    conn = DeadlineConnection.connect(conninfo(url, role=role, **settings), autocommit=True)
    _send_binary_lists(conn)
    return conn


def _send_binary_lists(conn: psycopg.Connection[Any]) -> None:
    conn.adapters.register_dumper(list, ListBinaryDumper)


def engine(url: str, *, role: str | None = None, **settings: str) -> Engine:
    """A sync SQLAlchemy engine with a small pool, its connections checked before use."""
    target = conninfo(url, role=role, **settings)
    made = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(target),
        pool_pre_ping=True,
        pool_size=2,
        hide_parameters=True,  # an error's text would carry payloads into a log
        json_deserializer=orjson.loads,
        json_serializer=lambda value: orjson.dumps(value).decode(),
    )
    POOLS.watch(made, role or "onrecord")
    return made


LOOKUPS: Final = dict.fromkeys(("enable_seqscan", "enable_hashjoin", "enable_mergejoin"), "off")
"""Server settings for the APIs, the committer and the deliverer, who find rows by indexes.

Without them, a plan made while a table was small would read all of it until the next ANALYZE,
however large it has become. Which index it takes still depends on statistics
(`projections.engine.catch_up_all`).
"""


def pool(url: str, *, role: str, size: int = 8) -> Pool:
    """An async pool in autocommit, not opened yet. Rows are dicts; JSON is parsed by orjson."""
    made: Pool = AsyncConnectionPool(
        conninfo(url, role=role, statement_timeout="9s", **LOOKUPS),
        connection_class=AsyncDeadlineConnection,
        open=False,
        min_size=1,
        max_size=size,
        timeout=5,
        reconnect_timeout=RECONNECT_SECONDS,
        kwargs={"autocommit": True, "row_factory": dict_row},
        configure=_configure,
        reset=_reset,
    )
    POOLS.watch(made, role)
    return made


async def _configure(conn: psycopg.AsyncConnection[Row]) -> None:
    set_json_loads(orjson.loads, conn)


async def _reset(_: psycopg.AsyncConnection[Row]) -> None:
    """Resets nothing. Where a pool has such a function, its own tasks return the connections.

    Without one, the client's task does. If that is cancelled while it waits for the lock of the
    pool, the pool of psycopg_pool 3.3 has lost the connection for good.
    """


# SQLAlchemy gives the constructors of its dialects no types
_NUMBERED: Final = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


@lru_cache(maxsize=512)
def numbered_query(query: ClauseElement) -> tuple[bytes, tuple[str, ...]]:
    """A query with numbered parameters, and their names in order.

    psycopg would replace the names itself, at each call anew where a query has over 4 KB.
    """
    statement = query.compile(dialect=_NUMBERED)
    # `positiontup` is declared by the compiler of SQL, not by that of all clauses
    return statement.string.encode(), tuple(statement.positiontup or ())  # type: ignore[attr-defined]


@lru_cache(maxsize=512)
def compiled(query: ClauseElement) -> bytes:
    """A query with psycopg's placeholders, compiled once."""
    return query.compile(dialect=_DIALECT).string.encode()


async def fetch_all(pool: Pool, query: ClauseElement, params: Mapping[str, Any]) -> Sequence[Row]:
    """Run a query and return its rows. Other names in `params` are ignored.

    A query that changes something must be safe to repeat: where the connection was lost, it runs
    once more.

    If the caller is cancelled, the query is cancelled on the server and the connection is kept. It
    runs in a task of its own, which is cancelled once: Starlette cancels the stream of a client
    that went away at each turn of the event loop, and the second time psycopg would close the
    connection.
    """
    task = asyncio.create_task(_fetch_all(pool, query, params))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_ignore_result)
        task.cancel()
        raise


def _ignore_result(task: asyncio.Task[Any]) -> None:
    """Keep asyncio from logging the error of a task that nobody awaits any more."""
    if not task.cancelled():
        task.exception()


async def _fetch_all(pool: Pool, query: ClauseElement, params: Mapping[str, Any]) -> Sequence[Row]:
    """Run a query, once more where the connection was lost while it was idle in the pool.

    To check each connection beforehand would cost a fifth of a small query (measured).
    """
    sql, names = numbered_query(query)
    values = [params[name] for name in names]
    retried = False
    while True:
        async with pool.connection() as conn:
            try:
                cursor = psycopg.AsyncRawCursor(conn, row_factory=dict_row)
                return await (await cursor.execute(sql, values, binary=True)).fetchall()
            except ServerSilent:
                raise  # the caller has waited long enough
            except psycopg.OperationalError:
                if not conn.broken or retried:
                    raise
        retried = True
        await pool.drain()  # the other idle connections are probably lost too
