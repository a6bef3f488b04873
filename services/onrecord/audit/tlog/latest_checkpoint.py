"""The newest signed checkpoint, as one reader per process sees it for all who wait for it."""

import asyncio
from typing import Final, NamedTuple

from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.kit.sql.sql_files import load_query

_CHECKPOINT: Final = load_query("audit/tlog/queries/checkpoint.sql")
POLL_SECONDS: Final = 0.1
WAIT_SECONDS: Final = 1.5
"""The signer signs at most a second after a commit."""


class SignedCheckpoint(NamedTuple):
    """A signed note over a head of the ledger. `root`: 32 bytes."""

    size: int
    root: bytes
    note: str


class LatestCheckpoint:
    """Reads the newest checkpoint, once for all who ask at the same time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._reading: asyncio.Task[SignedCheckpoint | None] | None = None

    async def fetch(self) -> SignedCheckpoint | None:
        """The newest checkpoint; None before the first signature."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def wait_for(self, size: int) -> SignedCheckpoint | None:
        """The newest checkpoint once it has this size; None if it does not come in time."""
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while True:
            newest = await self.fetch()
            if newest and newest.size >= size:
                return newest
            if asyncio.get_running_loop().time() > deadline:
                return None
            await asyncio.sleep(POLL_SECONDS)

    async def _read(self) -> SignedCheckpoint | None:
        rows = await fetch_all(self._pool, _CHECKPOINT, {})
        return SignedCheckpoint(**rows[0]) if rows else None
