"""Files of the data folder that hold a secret: made once, whole, and for their owner alone.

Used by `entrypoints.infrastructure` for the key of webhook secrets, by `entrypoints.local_key` for
the API key of `onrecord up`, by `signing.key_file`, and by the commands that read them.
"""

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from onrecord.kit.durable_file import sync_folder


class UnsafeSecretFile(Exception):
    """A file with a secret that another OS user may have read or written."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} {why}; make it a file of your own with `chmod 600`.")


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """The secret in this file, which is created with mode 0600 if it is missing.

    Of several processes that create it at once, all return the same secret. A crash leaves no
    partial file at `path`. Raises `UnsafeSecretFile`.
    """
    try:
        return read_secret(path)
    except FileNotFoundError:
        _create(path, make())
        return read_secret(path)


def read_secret(path: Path) -> str:
    """The secret in this file. Raises `UnsafeSecretFile` or FileNotFoundError."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnsafeSecretFile(path, f"cannot be read ({error.strerror})") from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise UnsafeSecretFile(path, "is no regular file")
        if status.st_uid != os.geteuid():
            raise UnsafeSecretFile(path, "belongs to another OS user")
        if status.st_mode & 0o077:
            raise UnsafeSecretFile(path, "is readable for other OS users")
        with os.fdopen(os.dup(file), encoding="ascii", errors="replace") as opened:
            return opened.read().strip()
    finally:
        os.close(file)


def _create(path: Path, secret: str) -> None:
    """Write a temporary file and link it, which fails where another process was first."""
    number, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(number, "w") as file:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        Path(name).unlink()
    sync_folder(path.parent)  # or a power cut could lose the key of what is encrypted by it
