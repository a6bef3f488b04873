"""Dry runs of writes: evaluated over the ledger as it is, and nothing recorded.

Used by the write API. The same evaluation as `append`, over a snapshot and without the lock, so it
delays no writer: one connection and one thread of a process serve all of its dry runs.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import psycopg
from psycopg import RawCursor

from onrecord.domain.requests import Request
from onrecord.kit.sql import deadlines
from onrecord.ledger.evaluate import LOCAL, BatchEvaluator, Write, seal_request
from onrecord.ledger.lookup import read_locked_ledger
from onrecord.ledger.outcomes import LedgerBusy, LedgerUnavailable, WriteOutcome
from onrecord.ledger.writer import Connect

MAX_WAITING: Final = 64
"""Dry runs that may wait; beyond it `evaluate` raises `LedgerBusy`."""
_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class DryRunner:
    """Evaluates requests of a process, one call after the other, over a connection of its own."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._conn: psycopg.Connection[Any] | None = None
        self._thread = ThreadPoolExecutor(1, "dry-run")
        self._waiting = 0

    async def evaluate(
        self, requests: Sequence[Request], recorded_by: str = LOCAL
    ) -> list[WriteOutcome]:
        """The outcome that each request of a caller would have, after those before it.

        Raises `LedgerBusy` or `LedgerUnavailable`.
        """
        if self._waiting >= MAX_WAITING:
            raise LedgerBusy
        writes = [seal_request(request, recorded_by) for request in requests]
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(deadlines.ANSWER_SECONDS):
                return await loop.run_in_executor(self._thread, self._evaluate, writes)
        except TimeoutError:  # the database does not answer
            raise LedgerUnavailable from None
        finally:
            self._waiting -= 1

    def stop(self) -> None:
        """End after the evaluation that runs."""
        self._thread.submit(self._close)
        self._thread.shutdown()

    def _evaluate(self, writes: Sequence[Write]) -> list[WriteOutcome]:
        """Evaluate, once more over a new connection if the one at hand was lost."""
        for reused in (self._conn is not None, False):
            try:
                self._conn = self._conn or self._connect()
                return list(evaluate_snapshot(self._conn, writes))
            except psycopg.OperationalError as error:
                lost = self._conn is None or self._conn.closed
                self._close()
                if not (lost and reused):
                    raise LedgerUnavailable from error
            except BaseException:
                self._close()
                raise
        raise LedgerUnavailable

    def _close(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None


def evaluate_snapshot(
    conn: psycopg.Connection[Any], writes: Sequence[Write]
) -> Sequence[WriteOutcome]:
    """Evaluate writes in their order over one snapshot. The connection must be in autocommit."""
    cursor = RawCursor(conn)
    with conn.pipeline() as pipeline:
        cursor.execute(_BEGIN)
        requests = [write.request for write in writes]
        evaluator = BatchEvaluator(read_locked_ledger(cursor, pipeline, requests))
        cursor.execute("ROLLBACK")
    for write in writes:
        evaluator.evaluate(write)
    return evaluator.answers
