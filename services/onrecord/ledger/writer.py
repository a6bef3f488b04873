"""The ledger's writer: appends batches over a connection of its own, and recovers from failures.

Used by `committer`, which calls it from a single thread.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg
from psycopg.errors import LockNotAvailable, QueryCanceled, ReadOnlySqlTransaction

from onrecord.domain.requests import Refusal
from onrecord.ledger.append import CommitLost, append
from onrecord.ledger.evaluate import Answer, Write
from onrecord.ledger.outcomes import LedgerUnavailable, OutcomeUnknown, WriteOutcome

log = logging.getLogger(__name__)

_UNAVAILABLE: Final = (LockNotAvailable, QueryCanceled, ReadOnlySqlTransaction)
"""Errors by which the database says that it does not write now, whatever the request."""

Connect = Callable[[], psycopg.Connection[Any]]


class LedgerWriter:
    """Records batches over one connection, which it opens when it needs it."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._conn: psycopg.Connection[Any] | None = None

    def record(self, writes: Sequence[Write]) -> list[WriteOutcome]:
        """Record writes in one transaction; an outcome for each, in their order.

        If that fails, each is repeated in a transaction of its own, so that a request which the
        database rejects does not fail the others.
        """
        try:
            return list(self._append(writes))
        except (LedgerUnavailable, OutcomeUnknown) as error:
            return [error] * len(writes)
        except Exception as error:
            self.close()
            if len(writes) == 1:
                log.exception("a request could not be recorded")
                return [error]
            return [outcome for write in writes for outcome in self.record([write])]

    def _append(self, writes: Sequence[Write]) -> list[Answer | Refusal]:
        """Append writes, once more over a new connection if the first is lost.

        To repeat them is safe: a write that was committed is found by its id and not made twice.
        """
        commit_lost = False
        for _ in range(2):
            try:
                if self._conn is None:
                    self._conn = self._connect()
            except psycopg.OperationalError as error:
                raise (OutcomeUnknown if commit_lost else LedgerUnavailable) from error
            try:
                return append(self._conn, writes)
            except CommitLost:
                log.warning("lost the connection during COMMIT", exc_info=True)
                commit_lost = True
                self.close()
            except psycopg.Error as error:
                if isinstance(error, _UNAVAILABLE) or (commit_lost and not self._conn.closed):
                    raise (OutcomeUnknown if commit_lost else LedgerUnavailable) from error
                if not self._conn.closed:
                    raise
                log.warning("lost the connection to the ledger", exc_info=True)
                self.close()
        raise OutcomeUnknown if commit_lost else LedgerUnavailable

    def close(self) -> None:
        """Close the connection; the next batch opens another."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None
