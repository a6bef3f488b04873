"""The log's private keys: a file of mode 0600, a key a line, the newest first.

All keys in it sign each checkpoint, so a rotation has two for a while. Its origin, which is the
name of every key, is fixed for the log's life. Used by the signer and by `onrecord log-key`.
"""

from pathlib import Path

from onrecord.kit.durable_file import replace_file
from onrecord.kit.secret_file import read_or_create, read_secret
from onrecord.kit.tlog.keys import BadKey, SigningKey, parse_signing_key
from onrecord.kit.tlog.notes import Note


class BadKeyFile(Exception):
    """The file of the log's keys cannot be used."""


class KeyFileRefuses(Exception):
    """What is asked of the key file does not fit what it holds."""


def read_keys(path: Path) -> list[SigningKey]:
    """The keys in the file. Raises `BadKeyFile`, `KeyFileRefuses` or `UnsafeSecretFile`."""
    try:
        return _parse(path, read_secret(path))
    except FileNotFoundError:
        raise KeyFileRefuses(
            f"There is no key in {path}; `onrecord log-key create` makes one."
        ) from None


def read_or_create_keys(path: Path, origin: str) -> list[SigningKey]:
    """The keys in the file, which is created with a new key if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        text = read_or_create(path, lambda: SigningKey.generate(origin).secret_text())
    except BadKey as error:
        raise BadKeyFile(f"No key can be made for this origin of the log: {error}.") from None
    return _parse(path, text)


def create_log_key(path: Path, origin: str) -> list[SigningKey]:
    """Create the file with a new key. Raises `KeyFileRefuses` where there is one."""
    if path.exists() or path.is_symlink():
        raise KeyFileRefuses(f"{path} exists; `onrecord log-key rotate` adds a key to it.")
    return read_or_create_keys(path, origin)


def add_key(path: Path) -> list[SigningKey]:
    """Put a new key before the one in the file; both sign from then on."""
    keys = read_keys(path)
    if len(keys) > 1:
        raise KeyFileRefuses(
            f"{path} has {len(keys)} keys; `onrecord log-key rotate --finish` drops the older ones."
        )
    return _write(path, [SigningKey.generate(keys[0].name), *keys])


def drop_older_keys(path: Path, last: Note | None) -> list[SigningKey]:
    """Leave the newest key alone in the file, if it signed the last checkpoint too.

    Otherwise the signer has not seen it yet, and nobody could have learnt it.
    """
    newest, *older = read_keys(path)
    if not older:
        raise KeyFileRefuses(f"{path} has one key; `onrecord log-key rotate` adds another first.")
    if last is None or not any(line.is_by(newest.verifier) for line in last.signatures):
        raise KeyFileRefuses("The newest key has not signed yet: is the signer running?")
    return _write(path, [newest])


def _write(path: Path, keys: list[SigningKey]) -> list[SigningKey]:
    replace_file(path, "".join(f"{key.secret_text()}\n" for key in keys))
    return keys


def _parse(path: Path, text: str) -> list[SigningKey]:
    try:
        keys = [parse_signing_key(line) for line in text.splitlines() if line.strip()]
    except BadKey as error:
        raise BadKeyFile(f"{path} holds what is no key of a log: {error}.") from None
    if len({key.name for key in keys}) != 1:
        raise BadKeyFile(f"{path} must hold keys of one origin, at least one.")
    return keys
