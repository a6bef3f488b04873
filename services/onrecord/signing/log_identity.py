"""The log's identity: the keys with which the signer signs, and whether they are those of this log.

Used by the signer's process when it starts, and when the key file has changed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from onrecord.kit.sql.db import compiled
from onrecord.kit.sql.sql_files import load_query
from onrecord.kit.tlog.keys import SigningKey, parse_verifier_key
from onrecord.signing.continuity import SigningRefused
from onrecord.signing.kept_checkpoint import read_kept
from onrecord.signing.key_file import read_keys, read_or_create_keys

_KNOWN: Final = load_query("signing/queries/known_keys.sql")


@dataclass(frozen=True)
class LogIdentity:
    """Where the key and the last checkpoint are, and the name of the log."""

    key_file: Path
    kept: Path
    origin: str
    """The name of a key that is created."""
    required_origin: str | None = None
    """The origin that the key must have; None where no setting gives one."""


def identify_log(conn: psycopg.Connection[Any], identity: LogIdentity) -> list[SigningKey]:
    """The keys of this log. A key is made only where nothing has been signed.

    Raises `SigningRefused` where they are of another log, and what `read_keys` raises.
    """
    origin_by_key = dict(conn.execute(compiled(_KNOWN)).fetchall())
    if origin_by_key or identity.kept.exists():
        keys = read_keys(identity.key_file)
    else:
        keys = read_or_create_keys(identity.key_file, identity.origin)
    origin = keys[0].name
    if identity.required_origin not in (None, origin):
        raise SigningRefused(
            f"ONRECORD_LOG_ORIGIN is {identity.required_origin}, and the key in"
            f" {identity.key_file} is of {origin}; the origin of a log never changes"
        )
    for other in set(origin_by_key.values()) - {origin}:
        raise SigningRefused(
            f"the key in {identity.key_file} is of {origin}, and the checkpoints in the database"
            f" are of {other}; the origin of a log never changes"
        )
    if (
        origin_by_key
        and not any(str(key.verifier) in origin_by_key for key in keys)
        and not _signed_together(identity.kept, origin_by_key, keys)
    ):
        raise SigningRefused(
            f"no key in {identity.key_file} has signed a checkpoint in the database; it is the key"
            " of another log of the same name"
        )
    return keys


def _signed_together(kept: Path, known: Iterable[str], keys: Sequence[SigningKey]) -> bool:
    """Whether one of the known keys and one of the others signed the kept checkpoint.

    So it is after a rotation of which the database got no checkpoint.
    """
    last = read_kept(kept)
    if last is None:
        return False
    old = last.note.signed_by(parse_verifier_key(vkey) for vkey in known)
    return bool(old and last.note.signed_by(key.verifier for key in keys))
