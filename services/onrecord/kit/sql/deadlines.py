"""Connections to PostgreSQL that wait only so long for each answer of the server.

Used by `db`. A server whose processes are frozen keeps its connections open and cannot apply
`statement_timeout`, so the client has a deadline of its own. It is later than that of the server,
which says more. A connection whose deadline has passed is closed; a pool opens another.
"""

from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout

T = TypeVar("T")

ANSWER_SECONDS: Final = 10.0
"""How long a request to an API waits for an answer of the database."""
_INTERVAL: Final = 0.1
"""Seconds between two checks for Ctrl-C, as in psycopg."""


class ServerSilent(psycopg.OperationalError):
    """The server did not answer in time; the connection is closed."""


class AsyncDeadlineConnection(psycopg.AsyncConnection[Any]):
    """A connection of the APIs. Raises `ServerSilent`."""

    async def wait(
        self, gen: PQGen[T], interval: float = _INTERVAL, timeout: float | None = None
    ) -> T:
        try:
            return await super().wait(gen, interval, timeout or ANSWER_SECONDS)
        except _WaitTimeout:
            self.pgconn.finish()
            raise ServerSilent("the server does not answer") from None


class DeadlineConnection(psycopg.Connection[Any]):
    """A connection of the writer, whose statements may take longer. Raises `ServerSilent`."""

    seconds: float = 45
    """Longer than the writer may wait for the lock and insert (`entrypoints.infrastructure`)."""

    def wait(self, gen: PQGen[T], interval: float = _INTERVAL, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, timeout or self.seconds)
        except _WaitTimeout:
            self.pgconn.finish()
            raise ServerSilent("the server does not answer") from None
