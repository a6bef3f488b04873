"""The log's private keys: a file of mode 0600, a key a line, the newest first.

All keys in it sign each checkpoint. Its origin, which is the name of every key, is fixed for the
log's life. Used by the signer and by `onrecord log-key`.
"""

from pathlib import Path

from onrecord.kit.secret_file import read_or_create, read_secret
from onrecord.kit.tlog.keys import BadKey, SigningKey, parse_signing_key


class BadKeyFile(Exception):
    """The file of the log's keys cannot be used."""


def read_keys(path: Path) -> list[SigningKey]:
    """The keys in the file. Raises `BadKeyFile`, `UnsafeSecretFile` or FileNotFoundError."""
    return _parse(path, read_secret(path))


def read_or_create_keys(path: Path, origin: str) -> list[SigningKey]:
    """The keys in the file, which is created with a new key if it is missing."""
    text = read_or_create(path, lambda: SigningKey.generate(origin).secret_text())
    return _parse(path, text)


def _parse(path: Path, text: str) -> list[SigningKey]:
    try:
        keys = [parse_signing_key(line) for line in text.splitlines() if line.strip()]
    except BadKey as error:
        raise BadKeyFile(f"{path} holds what is no key of a log: {error}") from None
    if len({key.name for key in keys}) != 1:
        raise BadKeyFile(f"{path} must hold keys of one origin, at least one")
    return keys
