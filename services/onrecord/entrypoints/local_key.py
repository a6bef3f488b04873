"""The key of `onrecord up`: created at the first start, and kept in the data folder.

Used by the supervisor. The file is written before the key is on record, so a start that was cut
between the two goes on with the same key. Commands read the file and send what is in it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from onrecord.access.registry import KeyIdTaken, KeyRegistry, NewKey
from onrecord.access.tokens import new_token, token_id
from onrecord.domain.ids import new_id
from onrecord.domain.scopes import ALL_SCOPES
from onrecord.entrypoints.infrastructure import writer
from onrecord.kit.postgres.binaries import Echo
from onrecord.kit.secret_file import UnsafeSecretFile, read_or_create, read_secret
from onrecord.kit.sql import db
from onrecord.ledger.committer import Committer
from onrecord.ledger.evaluate import LOCAL

NAME: Final = "onrecord up"


class LocalKeyUnusable(Exception):
    """The key in the data folder cannot be used, or none can be kept there."""


@asynccontextmanager
async def open_key_registry(url: str) -> AsyncIterator[KeyRegistry]:
    """The registry of keys of the database at `url`. A sweep of the workers folds its events."""
    committer = Committer(lambda: writer(url), on_commit=lambda _: None)
    async with db.pool(url, role="onrecord_access", size=1) as pool:
        committer.start()
        try:
            yield KeyRegistry(committer, pool)
        finally:
            await committer.stop()


async def ensure_local_key(url: str, file: Path, echo: Echo) -> str:
    """The token in the file, which is usable from here on.

    A new token is printed once. A token that the database does not know becomes a key of it, so it
    must be nobody else's. Raises `LocalKeyUnusable`, also where others may have read the file.
    """
    new = new_token(new_id())
    token = read_key_file(file) or _write_key_file(file, new)
    id_ = token_id(token)
    remedy = f"Delete {file} for a new key, or set ONRECORD_KEY."
    if id_ is None:
        raise LocalKeyUnusable(f"{file} holds no key. {remedy}")
    async with open_key_registry(url) as registry:
        try:
            key = NewKey(UUID(hex=id_), NAME, ALL_SCOPES)
            row, is_its_token = await registry.create(key, token, LOCAL)
        except KeyIdTaken:
            raise LocalKeyUnusable(f"The key in {file} is another one here. {remedy}") from None
    if not is_its_token:
        raise LocalKeyUnusable(f"The key in {file} is another one here. {remedy}")
    if row["revoked_at"]:
        raise LocalKeyUnusable(f"The key in {file} was revoked. {remedy}")
    if row["expires_at"] and row["expires_at"] <= datetime.now(UTC):
        raise LocalKeyUnusable(f"The key in {file} has expired. {remedy}")
    if token == new:
        echo(f"A key with all scopes, shown only now and kept in {file}:\n{token}")
    return token


def read_key_file(file: Path) -> str | None:
    """The token in a file; None if there is no such file. Raises `LocalKeyUnusable`."""
    try:
        return read_secret(file)
    except FileNotFoundError:
        return None
    except UnsafeSecretFile as error:
        raise LocalKeyUnusable(f"{error} Or set ONRECORD_KEY to another key.") from None


def _write_key_file(file: Path, token: str) -> str:
    """The token in the file: this one, unless another process was first."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return read_or_create(file, lambda: token)
    except OSError as error:
        raise LocalKeyUnusable(
            f"No key can be kept in {file}: {error.strerror}. Make the folder writable, name"
            " another one with --data, or set ONRECORD_KEY to a key of `onrecord keys create`."
        ) from None
