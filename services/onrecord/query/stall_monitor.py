"""Monitor of stalled projections, by which answers about the newest size are provisional.

Used by `read_context` for each read that names no size. It runs one small query a second while
reads come, because a query a read would cost as much as the smallest reads.
"""

import asyncio
from typing import Final

from onrecord.kit.sql.db import Pool
from onrecord.projections import status

CHECK_SECONDS: Final = 1.0


class StallMonitor:
    """Whether the projections were stalled at the last check, at most `CHECK_SECONDS` ago."""

    def __init__(self, pool: Pool) -> None:
        self._pool, self._stalled, self._checked_at = pool, False, float("-inf")
        self._lock = asyncio.Lock()

    async def is_stalled(self) -> bool:
        if self._is_due():
            async with self._lock:
                if self._is_due():  # not checked by another read meanwhile
                    self._stalled = await status.any_stalled(self._pool)
                    self._checked_at = asyncio.get_running_loop().time()
        return self._stalled

    def _is_due(self) -> bool:
        return asyncio.get_running_loop().time() - self._checked_at > CHECK_SECONDS
