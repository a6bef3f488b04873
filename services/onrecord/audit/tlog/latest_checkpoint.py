"""The signed checkpoint for readers, read once a process for all requests that wait for it.

It is the newest one that a quorum of witnesses has cosigned, as the operator's policy names it
(decision 0056). Without a policy, and where witnesses have been behind for longer than
`MAX_SECONDS_BEHIND`, it is the newest one that the log has signed. A process never
goes back to a shorter one: witnesses that return cosign one that is older than what readers have.
"""

import asyncio
from typing import Final, NamedTuple

from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.kit.sql.sql_files import load_query
from onrecord.kit.tlog.policies import NONE, Policy

_CHECKPOINT: Final = load_query("audit/tlog/queries/checkpoint.sql")
_COSIGNED: Final = load_query("audit/tlog/queries/cosigned.sql")
POLL_SECONDS: Final = 0.1
WAIT_SECONDS: Final = 1.5
"""The signer signs at most a second after a commit."""
QUORUM_WAIT_SECONDS: Final = 3.0
"""The next round of witnesses begins a second later, and they must answer."""
MAX_SECONDS_BEHIND: Final = 60.0


class SignedCheckpoint(NamedTuple):
    """A signed note over a head of the ledger. `root`: 32 bytes."""

    size: int
    root: bytes
    note: str


class LatestCheckpoint:
    """Reads the checkpoint for readers, once for all requests at the same time."""

    def __init__(self, pool: Pool, policy: Policy) -> None:
        self._pool = pool
        self._policy = policy
        self._reading: asyncio.Task[SignedCheckpoint | None] | None = None
        self._longest = 0
        """The size of the longest checkpoint that readers have."""

    async def fetch(self) -> SignedCheckpoint | None:
        """The checkpoint for readers; None before the first signature."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def wait_for(self, size: int) -> SignedCheckpoint | None:
        """The checkpoint for readers once it covers this many entries.

        If it does not come in time, the newest one, cosigned or not; None if this is smaller too.
        """
        loop = asyncio.get_running_loop()
        seconds = WAIT_SECONDS if self._policy.quorum == NONE else QUORUM_WAIT_SECONDS
        deadline = loop.time() + seconds
        while True:
            checkpoint = await self.fetch()
            is_late = loop.time() > deadline
            if is_late:
                checkpoint = await self._read_checkpoint(None)
            if checkpoint and checkpoint.size >= size:
                return checkpoint
            if is_late:
                return None
            await asyncio.sleep(POLL_SECONDS)

    async def _read(self) -> SignedCheckpoint | None:
        checkpoint = await self._read_cosigned_or_newest()
        if checkpoint and checkpoint.size < self._longest:
            checkpoint = await self._read_checkpoint(self._longest)
        if checkpoint:
            self._longest = max(self._longest, checkpoint.size)
        return checkpoint

    async def _read_cosigned_or_newest(self) -> SignedCheckpoint | None:
        if self._policy.quorum == NONE:
            return await self._read_checkpoint(None)
        for row in await fetch_all(self._pool, _COSIGNED, {}):
            if (row["seconds_behind"] or 0.0) > MAX_SECONDS_BEHIND:
                break
            if self._policy.is_met(row["keys"]):
                return await self._read_checkpoint(row["size"])
        return await self._read_checkpoint(None)

    async def _read_checkpoint(self, size: int | None) -> SignedCheckpoint | None:
        rows = await fetch_all(self._pool, _CHECKPOINT, {"size": size})
        return SignedCheckpoint(**rows[0]) if rows else None
