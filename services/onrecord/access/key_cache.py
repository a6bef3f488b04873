"""Cache of keys: what a process knows of the keys that call it, a few seconds old at most.

Used by `authentication`. A key is read again in the background while it is used, so its requests do
not wait for the database, and a revoked key stops working in every process within `MAX_AGE`. Uses
are noted in the table once a minute, also in the background.
"""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

import psycopg
import structlog
from psycopg.errors import ReadOnlySqlTransaction
from psycopg_pool import PoolTimeout

from onrecord.access.registry import KEY_BY_ID
from onrecord.access.tokens import token_digest, token_id
from onrecord.kit.http.caller import Caller
from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.kit.sql.sql_files import load_query

log = structlog.get_logger()

FRESH: Final = 2.0
"""Seconds after which a key that is used is read again."""
MAX_AGE: Final = 5.0
"""Seconds after which a request waits for a key to be read again."""
NOTE_INTERVAL: Final = 60.0
"""Seconds between two notes of the last use."""

_NOTE_USES: Final = load_query("access/queries/note_uses.sql")


class StoredKey(NamedTuple):
    """A key as the database has it."""

    caller: Caller
    sha256: bytes
    revoked_at: datetime | None


class _CachedKey(NamedTuple):
    key: StoredKey
    read_at: float


class KeyCache:
    """The keys of a process by their ids in hex, over a pool in the role `onrecord_access`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._keys: dict[str, _CachedKey] = {}  # only keys that exist, so it is bounded
        self._reads: dict[str, asyncio.Task[StoredKey | None]] = {}
        self._used: set[str] = set()

    def __contains__(self, id_: str) -> bool:
        return id_ in self._keys

    async def get(self, id_: str) -> StoredKey | None:
        """The key with this id. Raises the errors of the database."""
        cached = self._keys.get(id_)
        age = time.monotonic() - cached.read_at if cached else MAX_AGE
        if cached is None or age >= MAX_AGE:
            # shielded: other requests wait for the same task
            return await asyncio.shield(self._read(id_))
        if age >= FRESH:
            self._read(id_)
        return cached.key

    async def is_valid(self, token: str) -> bool:
        """Whether this is the text of a key that may be used. Raises the errors of the database."""
        id_ = token_id(token)
        key = await self.get(id_) if id_ else None
        if key is None or not hmac.compare_digest(key.sha256, token_digest(token)):
            return False
        expires_at = key.caller.expires_at
        return key.revoked_at is None and (expires_at is None or expires_at > datetime.now(UTC))

    def forget(self, id_: UUID) -> None:
        """Read a key anew at its next use, because this process has changed it."""
        self._keys.pop(id_.hex, None)
        self._reads.pop(id_.hex, None)

    def note_use(self, id_: str) -> None:
        self._used.add(id_)

    @asynccontextmanager
    async def noting_uses(self) -> AsyncIterator[None]:
        """Note uses once a minute, and at the end of the `with`."""
        task = asyncio.create_task(self._note_regularly())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._note_uses()

    def _read(self, id_: str) -> asyncio.Task[StoredKey | None]:
        """The task that reads a key, of which there is one at a time."""
        task = self._reads.get(id_)
        if task is None:
            task = self._reads[id_] = asyncio.create_task(self._read_key(id_))
            task.add_done_callback(lambda done: self._end_read(id_, done))
        return task

    async def _read_key(self, id_: str) -> StoredKey | None:
        began_at, task = time.monotonic(), asyncio.current_task()
        rows = await fetch_all(self._pool, KEY_BY_ID, {"id": UUID(hex=id_)})
        key = None
        for row in rows:
            scopes = frozenset(row["scopes"])
            caller = Caller(row["id"], row["name"], scopes, row["expires_at"])
            key = StoredKey(caller, row["sha256"], row["revoked_at"])
        if self._reads.get(id_) is task:  # else the key was changed meanwhile
            if key:
                self._keys[id_] = _CachedKey(key, began_at)
            else:
                self._keys.pop(id_, None)
        return key

    def _end_read(self, id_: str, task: asyncio.Task[StoredKey | None]) -> None:
        if self._reads.get(id_) is task:
            del self._reads[id_]
        if not task.cancelled():
            task.exception()  # those who wait for it raise it; asyncio need not log it

    async def _note_regularly(self) -> None:
        while True:
            await asyncio.sleep(NOTE_INTERVAL)
            await self._note_uses()

    async def _note_uses(self) -> None:
        used, self._used = self._used, set()
        if not used:
            return
        try:
            await fetch_all(self._pool, _NOTE_USES, {"ids": [UUID(hex=id_) for id_ in used]})
        except ReadOnlySqlTransaction:
            pass  # a replica: uses are noted by the processes that write
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("the last use of keys could not be noted", exc_info=error)
            self._used |= used
