"""The key of `onrecord up`: created at the first start, and kept in the data folder.

Used by the supervisor. The file is written before the key is on record, so a start that was cut
between the two goes on with the same key. Commands read the file and send what is in it.
"""

import os
import secrets
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
from onrecord.kit.sql import db
from onrecord.ledger.committer import Committer
from onrecord.ledger.evaluate import LOCAL

NAME: Final = "onrecord up"


class LocalKeyUnusable(Exception):
    """The key in the data folder cannot be used, or none can be kept there."""


@asynccontextmanager
async def open_key_registry(url: str) -> AsyncIterator[KeyRegistry]:
    """The registry of keys of the database at `url`. A sweep of the workers folds its events."""
    committer = Committer(lambda: writer(url), on_commit=lambda: None)
    async with db.pool(url, role="onrecord_access", size=1) as pool:
        committer.start()
        try:
            yield KeyRegistry(committer, pool)
        finally:
            await committer.stop()


async def ensure_local_key(url: str, file: Path, echo: Echo) -> str:
    """The token in the file, which is usable from here on. Raises `LocalKeyUnusable`.

    A new token is printed once. A token that the database does not know becomes a key of it.
    """
    token = read_key_file(file)
    is_new = token is None
    if token is None:
        token = new_token(new_id())
        _write_privately(file, token)
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
    if is_new:
        echo(f"A key with all scopes, shown only now and kept in {file}:\n{token}")
    return token


def read_key_file(file: Path) -> str | None:
    """The token in a file; None if there is no such file. Raises `LocalKeyUnusable`."""
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LocalKeyUnusable(
            f"The key in {file} cannot be read: {error.strerror}. Set ONRECORD_KEY to another one."
        ) from None


def _write_privately(file: Path, token: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(f"{token}\n")
            opened.flush()
            os.fsync(descriptor)
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise LocalKeyUnusable(
            f"No key can be kept in {file}: {error.strerror}. Make the folder writable, name"
            " another one with --data, or set ONRECORD_KEY to a key of `onrecord keys create`."
        ) from None
