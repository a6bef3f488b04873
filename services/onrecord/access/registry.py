"""The registry of keys: creates, lists and revokes them, in the ledger and in table `access.keys`.

A key is created in the ledger first and revoked in the table first. So a process that dies between
the two leaves no usable key that is not on record, and the same request completes it. Used by the
routes, by the command `onrecord keys` and by `onrecord up`.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from onrecord.access.tokens import token_digest
from onrecord.domain.dates import format_instant
from onrecord.domain.events import KeyCreated, KeyRevoked
from onrecord.domain.ids import new_id
from onrecord.domain.requests import ProposedEvent, Refusal, Request
from onrecord.domain.scopes import KeyScope
from onrecord.kit.sql.db import Pool, Row, fetch_all
from onrecord.kit.sql.sql_files import load_query
from onrecord.ledger.committer import Committer
from onrecord.ledger.dry_run import DryRunner
from onrecord.ledger.evaluate import Answer

KEY_BY_ID: Final = load_query("access/queries/key.sql")
_KEYS: Final = load_query("access/queries/keys.sql")
INSERT_KEY: Final = load_query("access/queries/insert_key.sql")
_REVOKE_KEY: Final = load_query("access/queries/revoke_key.sql")
ACTIVE_KEY: Final = load_query("access/queries/active_key.sql")


class UnknownKey(Exception):
    """There is no key with this id."""


class KeyIdTaken(Exception):
    """The id is on record already, as something else or with another name, scopes or expiry."""


class NewKey(NamedTuple):
    """A key to create."""

    id: UUID
    name: str
    scopes: tuple[KeyScope, ...]
    expires_at: datetime | None = None


@dataclass(frozen=True)
class KeyRegistry:
    """The committer of the ledger, and a pool in the role `onrecord_access`."""

    committer: Committer
    pool: Pool

    async def foresee(
        self, dry_runner: DryRunner, key: NewKey, recorded_by: str
    ) -> tuple[Row, bool]:
        """The row that `create` would make or find, and whether it would be new.

        Raises `KeyIdTaken`, and the errors of the ledger.
        """
        (outcome,) = await dry_runner.evaluate([_creation(key)], recorded_by)
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, Refusal):
            raise KeyIdTaken
        times = {"created_at": outcome.recorded_at, "last_used_at": None, "revoked_at": None}
        row = await self.find(key.id)
        return row or {**key._asdict(), **times}, row is None

    async def create(self, key: NewKey, token: str, recorded_by: str) -> tuple[Row, bool]:
        """Create a key with this token: its row, and whether the token is that of the row.

        A repeat with another token leaves the first one valid. Raises `KeyIdTaken`, and the errors
        of the committer.
        """
        if isinstance(await self._record(_creation(key), recorded_by), Refusal):
            raise KeyIdTaken
        digest = token_digest(token)
        params = {**key._asdict(), "scopes": list(key.scopes), "sha256": digest}
        await fetch_all(self.pool, INSERT_KEY, params)
        (row,) = await fetch_all(self.pool, KEY_BY_ID, {"id": key.id})
        return row, hmac.compare_digest(row["sha256"], digest)

    async def revoke(self, id_: UUID, recorded_by: str) -> None:
        """Revoke a key. Raises `UnknownKey`, and the errors of the committer."""
        if not await fetch_all(self.pool, _REVOKE_KEY, {"id": id_}):
            raise UnknownKey
        request = Request((ProposedEvent(new_id(), KeyRevoked(key=id_)),))
        outcome = await self._record(request, recorded_by)
        if isinstance(outcome, Refusal) and outcome.reason != "already-retracted":
            raise UnknownKey

    async def find(self, id_: UUID) -> Row | None:
        """The row of a key; None if there is none."""
        rows = await fetch_all(self.pool, KEY_BY_ID, {"id": id_})
        return rows[0] if rows else None

    async def page(self, after: UUID | None, limit: int) -> Sequence[Row]:
        """Keys in the order of their ids, from the first after `after`, or of all, on."""
        return await fetch_all(self.pool, _KEYS, {"after": after, "limit": limit})

    async def _record(self, request: Request, recorded_by: str) -> Answer | Refusal:
        (outcome,) = await self.committer.submit([request], recorded_by)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def _creation(key: NewKey) -> Request:
    """The request that records that a key was created."""
    expires_at = format_instant(key.expires_at) if key.expires_at else None
    event = KeyCreated(name=key.name, scopes=key.scopes, expires_at=expires_at)
    return Request((ProposedEvent(key.id, event),))
