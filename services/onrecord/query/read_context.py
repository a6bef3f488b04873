"""Read context: the size at which a read is answered, and the wait until it can be answered.

Used by the routes of this package before each query: turns `known_at` into a size and waits, for
a bounded time, until the projections that the query joins have reached what the client asks for.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from sqlalchemy.sql import ClauseElement

from onrecord.domain.dates import last_instant
from onrecord.kit.http import paging
from onrecord.kit.http.problems import Problem, unavailable
from onrecord.kit.sql.batched_query import BatchedQuery
from onrecord.kit.sql.db import Pool, Row, fetch_all
from onrecord.projections import clock
from onrecord.projections.queries import SIZE_AT, SNAPSHOT_SIZE
from onrecord.query.answers.schemas import Known
from onrecord.query.params import AtSize, Paged
from onrecord.query.size_monitor import SizeMonitor, Sizes
from onrecord.query.stall_monitor import StallMonitor

MAX_WAIT: Final = 5.0
"""Seconds that a read waits for a size."""


@dataclass(frozen=True)
class ReadResources:
    """The resources of the read API: a pool, and what queries positions and freshness over it."""

    pool: Pool
    positions: BatchedQuery
    stall_monitor: StallMonitor
    size_monitor: SizeMonitor
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

    async def settled(self, *projections: str) -> "ReadContext":
        """The context at a known size, for an answer that takes several queries."""
        if self.known_size is not None:
            return self
        names = [*projections, clock.NAME]
        (row,) = await fetch_all(self.pool, SNAPSHOT_SIZE, {"names": names})
        return replace(self, known_size=row["size"])

    def state_of(self, row: Mapping[str, Any]) -> Known:
        """The state of the record at which a row was read."""
        return Known(size=row["known_size"], at=row["known_at"], provisional=self.provisional)


async def begin_read(
    request: Request,
    resources: ReadResources,
    params: AtSize,
    *projections: str,
    start: tuple[Any, ...] = (),
) -> tuple[ReadContext, tuple[Any, ...]]:
    """Settle the size of a read over these projections, and the sort key at which its list begins.

    A cursor holds both; without a cursor, the list begins at `start`. Raises a 503 `Problem` where
    the projections are too far behind, and a 422 where the ledger itself has not reached the size.
    """
    pool, known_size, provisional = resources.pool, params.known_size, False
    monitor, parameter = resources.size_monitor, "known_size"
    if isinstance(params, Paged) and params.cursor is not None:
        parameter = "cursor"
        types = (int, bool, *map(type, start))
        known_size, provisional, *key = paging.key(request, params.cursor, *types)
        start = tuple(key)
    elif known_size is None and params.known_at is not None:
        if params.min_size:
            await _wait_for_size(monitor, params.min_size, [*projections, clock.NAME])
        (row,) = await fetch_all(pool, SIZE_AT, {"known_at": last_instant(params.known_at)})
        known_size, provisional = row["size"], row["provisional"]
    elif known_size is None:
        stalled = await resources.stall_monitor.stalled()
        provisional = not stalled.isdisjoint([*projections, clock.NAME])
    if at_least := max(known_size or 0, params.min_size or 0):
        exact = (parameter, known_size) if known_size is not None else None
        await _wait_for_size(monitor, at_least, [*projections, clock.NAME], exact=exact)
    return ReadContext(pool, known_size, provisional), start


async def _wait_for_size(
    monitor: SizeMonitor,
    size: int,
    projections: Sequence[str],
    *,
    exact: tuple[str, int] | None = None,
) -> None:
    """Wait until these projections have reached a size.

    `exact`: a parameter and the size that it names. One that is beyond the ledger is refused at
    once; a replica does not know how large the primary's ledger is, and waits.
    """
    now = asyncio.get_running_loop().time()
    if exact is not None:
        sizes = await monitor.wait_for(projections, size, deadline=now)
        if sizes.reached(projections) >= size:
            return
        _require_recorded(sizes, *exact)
    sizes = await monitor.wait_for(projections, size, deadline=now + MAX_WAIT)
    if (reached := sizes.reached(projections)) < size:
        raise unavailable(
            "not-yet", f"The projections are at size {reached}, {size} was asked for; try again."
        )


def _require_recorded(sizes: Sizes, parameter: str, size: int) -> None:
    if sizes.ledger is not None and size > sizes.ledger:
        message = f"{size} is beyond the record, which has {sizes.ledger} entries"
        fault = {"parameter": parameter, "message": message}
        raise Problem(422, "invalid", "The record has not reached this size.", errors=[fault])


def as_of_instant(text: str | None) -> tuple[str, datetime]:
    """An `as_of` as the answer echoes it, and the instant it means.

    If it is None, the end of this second: it is short in a link, and what became effective a moment
    ago is among what is held.
    """
    if text is None:
        now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        return instant_as_text(now), now
    return text, last_instant(text)


def instant_as_text(as_of: datetime) -> str:
    """An instant as an answer echoes it: whole seconds have no decimals."""
    return as_of.isoformat().replace("+00:00", "Z")
