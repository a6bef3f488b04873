"""How do several statements go to PostgreSQL and come back in one round trip?

Called by the ledger's writer, for whom a commit of four round trips would be mostly waiting. It is
libpq's pipeline mode without psycopg's own around it, which costs more of Python's time than it
saves of waiting (measured). At READ COMMITTED each statement has a snapshot of its own, taken when
the one before it is done. The first that fails ends the trip: the rest is passed over. Those of a
trip that opens no transaction are one, which is committed at its end.
"""

import select
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

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
        return self.send(*calls)()

    def send(self, *calls: Call) -> Callable[[], list[Rows]]:
        """Have these run; what it gives waits until they are, and does as `trip` does."""
        wire, names = self.pgconn, self._names
        asked = [one.statement for one in calls if one is not SYNC]
        new = list(dict.fromkeys([one for one in asked if one not in names]))
        if new:
            names = names | {one: b"trip %d" % n for n, one in enumerate(new, len(names))}
        try:
            wire.enter_pipeline_mode()
            for statement in new:
                wire.send_prepare(names[statement], statement.sql.encode())
            for call in calls:
                if call is SYNC:
                    wire.pipeline_sync()
                    continue
                formats = [Format.BINARY] * len(call.params)
                name = names[call.statement]
                wire.send_query_prepared(name, call.params, formats, Format.BINARY)
            wire.pipeline_sync()
            _flush(wire)
        except psycopg.OperationalError as error:
            return partial(_fail, error)
        return partial(self._back, calls, {one: names[one] for one in new})

    def _back(self, calls: Sequence[Call], new: Mapping[Statement, bytes]) -> list[Rows]:
        syncs = [*(False for _ in new), *(one is SYNC for one in calls)]
        results = _results(self.pgconn, syncs)
        self.pgconn.exit_pipeline_mode()
        prepared = iter(new.items())
        for result in results:
            if result.status not in _DONE:
                raise error_from_result(result)
            self._names.update(islice(prepared, 1))
        return [self._rows(result) for result in results[len(new) :]]

    def _rows(self, result: PGresult) -> Rows:
        if not result.ntuples:
            return []
        self._loader.set_pgresult(result)
        return self._loader.load_rows(0, result.ntuples, tuple)


def _fail(error: psycopg.Error) -> list[Rows]:
    raise error


def _flush(wire: PGconn) -> None:
    ready = select.poll()
    ready.register(wire.socket, select.POLLIN | select.POLLOUT)
    while wire.flush():  # the server may want to be heard before it takes more
        ready.poll()
        wire.consume_input()


def _results(wire: PGconn, syncs: Sequence[bool]) -> list[PGresult]:
    """The results of statements, and the syncs between them, with the one behind them read too."""
    results: list[PGresult] = []
    try:
        ready = select.poll()
        ready.register(wire.socket, select.POLLIN)
        for sync in syncs:
            result = _next(wire, ready)
            assert result
            if not sync:
                results.append(result)
                assert not _next(wire, ready)
        end = _next(wire, ready)
        if end and end.status != ExecStatus.PIPELINE_SYNC:  # a commit that comes with it failed
            results.append(end)
            _next(wire, ready), _next(wire, ready)  # its own end, and the sync
    except psycopg.OperationalError:
        for result in results:  # what the server said before it hung up
            if result.status == ExecStatus.FATAL_ERROR:
                raise error_from_result(result) from None
        raise
    return results


def _next(wire: PGconn, ready: select.poll) -> PGresult | None:
    while wire.is_busy():
        ready.poll()
        wire.consume_input()
    return wire.get_result()
