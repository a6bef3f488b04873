"""Monitor of stalled projections, by which answers about the newest size are provisional.

Used by `read_context` for each read that names no size. It runs one small query a second while
reads come, because one query for each read would cost as much as the smallest reads.
"""

import asyncio
from typing import Final

from onrecord.kit.sql.db import Pool
from onrecord.projections import status

CHECK_SECONDS: Final = 1.0


class StallMonitor:
    """The names of the projections that were stalled at the last check."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._stalled: frozenset[str] | None = None
        self._checked_at = float("-inf")

    async def stalled(self) -> frozenset[str]:
        """As of `CHECK_SECONDS` ago at most; while one read checks, others take the last answer."""
        now = asyncio.get_running_loop().time()
        if self._stalled is None or now - self._checked_at > CHECK_SECONDS:
            self._checked_at = now
            self._stalled = await status.stalled_projections(self._pool)
        return self._stalled
