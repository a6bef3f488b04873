"""At which size is this read answered, and when is it too early to answer?

Called by `routes` before each query: turns `known_at` into a size and waits, bounded, until the
projections that the query joins have reached what was asked for.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import Request
from sqlalchemy.sql import ClauseElement

from onrecord.domain.dates import last_instant
from onrecord.kit.http import paging
from onrecord.kit.http.problems import unavailable
from onrecord.kit.sql.db import Pool, Row, rows
from onrecord.projections import clock
from onrecord.projections.queries import SIZE_AT, SNAPSHOT_SIZE
from onrecord.query.params import AtSize, Paged
from onrecord.query.schemas import Known

PATIENCE: Final = 5.0
"""Seconds that a read waits for a size."""


@dataclass(frozen=True)
class Reading:
    """A pool, and the size that the reader asked for."""

    pool: Pool
    known_size: int | None
    provisional: bool

    async def rows(self, query: ClauseElement, **params: Any) -> Sequence[Row]:
        """Run a query of `projections.queries` at this size; at least one row comes back."""
        return await rows(self.pool, query, {**params, "known_size": self.known_size})

    def known(self, row: Mapping[str, Any]) -> Known:
        """The state of the record that a row was read at."""
        return Known(size=row["known_size"], at=row["known_at"], provisional=self.provisional)


async def begin(
    request: Request, asked: AtSize, *names: str, start: tuple[Any, ...] = ()
) -> tuple[Reading, tuple[Any, ...]]:
    """Settle the size of a read over these projections, and the place in its list to go on from.

    A cursor brings both; without one, the list begins at `start`. 503 where the projections are too
    far behind. Reads go through the pool that the entrypoint opened.
    """
    pool: Pool = request.app.state.read_pool
    known_size, provisional = asked.known_size, False
    if isinstance(asked, Paged) and asked.cursor is not None:
        known_size, provisional, *place = paging.key(asked.cursor, int, bool, *map(type, start))
        start = tuple(place)
    elif known_size is None and asked.known_at is not None:
        if asked.min_size:
            await _reached(pool, asked.min_size, [*names, clock.NAME])
        (found,) = await rows(pool, SIZE_AT, {"known_at": last_instant(asked.known_at)})
        known_size, provisional = found["size"], found["provisional"]
    if at_least := max(known_size or 0, asked.min_size or 0):
        await _reached(pool, at_least, [*names, clock.NAME])
    return Reading(pool, known_size, provisional), start


async def _reached(pool: Pool, size: int, names: Sequence[str]) -> None:
    over = asyncio.get_running_loop().time() + PATIENCE
    pause = 0.002
    while True:
        (found,) = await rows(pool, SNAPSHOT_SIZE, {"names": list(names)})
        if found["size"] >= size:
            return
        if asyncio.get_running_loop().time() >= over:
            raise unavailable(
                "not-yet",
                f"The projections are at size {found['size']}, {size} was asked for; try again.",
            )
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.05)


def moment(text: str | None) -> tuple[str, datetime]:
    """An `as_of` as the answer echoes it, and the instant it means; now without one."""
    if text is None:
        now = datetime.now(UTC)
        return now.isoformat(timespec="microseconds").replace("+00:00", "Z"), now
    return text, last_instant(text)
