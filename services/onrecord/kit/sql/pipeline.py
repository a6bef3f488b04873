"""How do several statements go to PostgreSQL and come back in one round trip?

Called by the ledger's writer, for whom a commit of four round trips would be mostly waiting. It is
libpq's pipeline mode without psycopg's own around it, which costs more of Python's time than it
saves of waiting (measured). At READ COMMITTED each statement has a snapshot of its own, taken when
the one before it is done. The first that fails ends the trip: the rest is passed over. Those of a
trip that opens no transaction are one, which is committed at its end.
"""

import asyncio
import select
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

Rows = list[tuple[Any, ...]]
Params = Sequence[bytes | None]


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """SQL that a connection prepares when it first sends it. Parameters are `$1` and so on."""

    sql: str

    def __call__(self, *params: bytes | None) -> "Call":
        """With parameters in PostgreSQL's binary form."""
        return Call(self, params)


class Call(NamedTuple):
    """A statement with its parameters."""

    statement: Statement
    params: Params


SYNC: Final = Call(Statement(""), ())
"""What comes before it is done, whatever comes after it; without it in the midst of a message that
is not all there the server would wait for the rest with no limit to its patience.
"""


_DONE: Final = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection in autocommit over which several statements can go at once."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._names: dict[Statement, bytes] = {}
        """Of what is prepared."""
        self._loader = Transformer(self)
        """One for all, as it looks each type up once."""

    def trip(self, *calls: Call) -> list[Rows]:
        """Run these in one round trip; the rows of each.

        Raises the error of the first that failed. Where the connection was lost it is `closed` from
        then on, and whatever had not failed may have been done.
        """
        return self.send(*calls).rows()

    def send(self, *calls: Call) -> "Trip":
        """Have these run. All of it that the wire takes is on its way."""
        names = self._names
        asked = [one.statement for one in calls if one is not SYNC]
        new = list(dict.fromkeys([one for one in asked if one not in names]))
        if new:
            names = names | {one: b"trip %d" % n for n, one in enumerate(new, len(names))}
        return Trip(self, calls, names, new)


class Trip:
    """Statements on their way over a connection, which has no time for others until `rows` is."""

    def __init__(
        self,
        conn: Connection,
        calls: Sequence[Call],
        names: Mapping[Statement, bytes],
        new: Sequence[Statement],
    ) -> None:
        self._conn, self._wire = conn, conn.pgconn
        self._new = {one: names[one] for one in new}
        self._results: list[PGresult] = []
        self._steps = self._going(calls, names)
        self._error: Exception | None = None
        self._want: int | None = None
        self._step()

    def rows(self) -> list[Rows]:
        """Wait until they are done; gives and raises as `Connection.trip` does."""
        ready = select.poll()
        while self._want:
            ready.register(self._wire.socket, self._want)
            ready.poll()
            self._step()
        if not self._error:
            self._wire.exit_pipeline_mode()
        prepared = iter(self._new.items())
        for result in self._results:
            if result.status not in _DONE:
                raise error_from_result(result) from self._error
            self._conn._names.update(islice(prepared, 1))
        if self._error:
            raise self._error
        return [self._loaded(result) for result in self._results[len(self._new) :]]

    async def done(self) -> bool:
        """Wait until `rows` has nothing to wait for; whether it has nothing to raise."""
        loop = asyncio.get_running_loop()
        while self._want:
            await _ready(loop, self._wire.socket, self._want)
            self._step()
        return not self._error and all(one.status in _DONE for one in self._results)

    def _step(self) -> None:
        """Go on as far as nothing is to be waited for."""
        try:
            self._want = next(self._steps, None)
        except Exception as error:  # `rows` raises it
            self._error, self._want = error, None

    def _going(
        self, calls: Sequence[Call], names: Mapping[Statement, bytes]
    ) -> Generator[int, None, None]:
        """Sends all and reads all; gives the events of the socket that it waits for meanwhile."""
        wire = self._wire
        wire.enter_pipeline_mode()
        for statement, name in self._new.items():
            wire.send_prepare(name, statement.sql.encode())
        for call in calls:
            if call is SYNC:
                wire.pipeline_sync()
                continue
            formats = [Format.BINARY] * len(call.params)
            name = names[call.statement]
            wire.send_query_prepared(name, call.params, formats, Format.BINARY)
        wire.pipeline_sync()
        while wire.flush():  # the server may want to be heard before it takes more
            yield select.POLLIN | select.POLLOUT
            wire.consume_input()
        for sync in (*(False for _ in self._new), *(one is SYNC for one in calls)):
            result = yield from self._next()
            assert result
            if not sync:
                self._results.append(result)
                assert not (yield from self._next())
        end = yield from self._next()
        if end and end.status != ExecStatus.PIPELINE_SYNC:  # a commit that comes with it failed
            self._results.append(end)
            for _ in range(2):  # its own end, and the sync
                yield from self._next()

    def _next(self) -> Generator[int, None, PGresult | None]:
        wire = self._wire
        while wire.is_busy():
            yield select.POLLIN
            wire.consume_input()
        return wire.get_result()

    def _loaded(self, result: PGresult) -> Rows:
        if not result.ntuples:
            return []
        loader = self._conn._loader
        loader.set_pgresult(result)
        return loader.load_rows(0, result.ntuples, tuple)


async def _ready(loop: asyncio.AbstractEventLoop, socket: int, events: int) -> None:
    """Wait for one of these events."""
    waiter: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    loop.add_reader(socket, wake)
    if events & select.POLLOUT:
        loop.add_writer(socket, wake)
    try:
        await waiter
    finally:
        loop.remove_reader(socket)
        if events & select.POLLOUT:
            loop.remove_writer(socket)
