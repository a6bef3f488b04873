"""Read context: the size at which a read is answered, and the wait until it can be answered.

Used by the routes of this package before each query: turns `known_at` into a size and waits, for
a bounded time, until the projections that the query joins have reached what the client asks for.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from sqlalchemy.sql import ClauseElement

from onrecord.domain.dates import last_instant
from onrecord.kit.http import paging
from onrecord.kit.http.problems import unavailable
from onrecord.kit.sql.batched_query import BatchedQuery
from onrecord.kit.sql.db import Pool, Row, fetch_all
from onrecord.projections import clock
from onrecord.projections.queries import SIZE_AT, SNAPSHOT_SIZE
from onrecord.query.params import AtSize, Paged
from onrecord.query.schemas import Known

MAX_WAIT: Final = 5.0
"""Seconds that a read waits for a size."""


@dataclass(frozen=True)
class ReadResources:
    """The resources of the read API: a pool, and the query of positions over it."""

    pool: Pool
    positions: BatchedQuery
    public_url: str
    """The address that links begin with (`Settings.public_url`)."""


async def get_read_resources(request: Request) -> ReadResources:
    """FastAPI dependency: the read API's resources in the application's lifespan state."""
    resources: ReadResources = request.state.read_resources
    return resources


ReadResourcesDep = Annotated[ReadResources, Depends(get_read_resources)]


@dataclass(frozen=True)
class ReadContext:
    """A pool, and the size at which its queries are answered; None: the newest there is."""

    pool: Pool
    known_size: int | None
    provisional: bool

    async def rows(self, query: ClauseElement, **params: Any) -> Sequence[Row]:
        """Run a query of `projections.queries` at this size; at least one row comes back."""
        return await fetch_all(self.pool, query, {**params, "known_size": self.known_size})

    def state_of(self, row: Mapping[str, Any]) -> Known:
        """The state of the record at which a row was read."""
        return Known(size=row["known_size"], at=row["known_at"], provisional=self.provisional)


async def begin_read(
    pool: Pool, params: AtSize, *projections: str, start: tuple[Any, ...] = ()
) -> tuple[ReadContext, tuple[Any, ...]]:
    """Settle the size of a read over these projections, and the sort key at which its list begins.

    A cursor holds both; without a cursor, the list begins at `start`. Raises a 503 `Problem` where
    the projections are too far behind.
    """
    known_size, provisional = params.known_size, False
    if isinstance(params, Paged) and params.cursor is not None:
        known_size, provisional, *key = paging.key(params.cursor, int, bool, *map(type, start))
        start = tuple(key)
    elif known_size is None and params.known_at is not None:
        if params.min_size:
            await _wait_for_size(pool, params.min_size, [*projections, clock.NAME])
        (row,) = await fetch_all(pool, SIZE_AT, {"known_at": last_instant(params.known_at)})
        known_size, provisional = row["size"], row["provisional"]
    if at_least := max(known_size or 0, params.min_size or 0):
        await _wait_for_size(pool, at_least, [*projections, clock.NAME])
    return ReadContext(pool, known_size, provisional), start


async def _wait_for_size(pool: Pool, size: int, projections: Sequence[str]) -> None:
    deadline = asyncio.get_running_loop().time() + MAX_WAIT
    pause = 0.002
    while True:
        (row,) = await fetch_all(pool, SNAPSHOT_SIZE, {"names": list(projections)})
        if row["size"] >= size:
            return
        if asyncio.get_running_loop().time() >= deadline:
            raise unavailable(
                "not-yet",
                f"The projections are at size {row['size']}, {size} was asked for; try again.",
            )
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.05)


def as_of_instant(text: str | None) -> tuple[str, datetime]:
    """An `as_of` as the answer echoes it, and the instant it means.

    If it is None, the last full second: a link with it means that instant too.
    """
    if text is None:
        now = datetime.now(UTC).replace(microsecond=0)
        return now.isoformat().replace("+00:00", "Z"), now
    return text, last_instant(text)
