"""Files of backups: ZIP archives with a manifest and the rows of each table.

Used by `dump` and `restoration`. A file is written whole or not at all, for its owner alone. Its
digests are checked before anything is restored, and once more while it is.
"""

import hashlib
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from pydantic import ValidationError

from onrecord.backup.errors import BackupExists, DamagedBackup
from onrecord.backup.manifest import Manifest, TableCopy, TableName
from onrecord.kit.durable_file import sync_folder

MANIFEST: Final = "manifest.json"
CHUNK: Final = 2**20
"""Bytes that are compressed or read at once."""
_UNREADABLE: Final = (BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError)
"""What `zipfile` raises where bytes of an archive were changed or are missing."""


class ArchiveWriter:
    """Adds tables to an archive, and the manifest at the end."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive

    def add_table(self, table: TableName, blocks: Iterable[bytes]) -> TableCopy:
        """Add the rows of a table, given in the text format of COPY."""
        digest = hashlib.sha256()
        rows = size = 0
        with self._archive.open(f"{table}.copy", "w", force_zip64=True) as member:
            for chunk in _chunks(blocks):
                member.write(chunk)
                digest.update(chunk)
                rows += chunk.count(b"\n")  # a line break within a value is escaped
                size += len(chunk)
        return TableCopy(table=table, rows=rows, bytes=size, sha256=digest.hexdigest())

    def add_manifest(self, manifest: Manifest) -> None:
        self._archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))


class Archive:
    """A backup that is read."""

    def __init__(self, path: Path, archive: ZipFile) -> None:
        self.path = path
        self._archive = archive
        try:
            self.manifest = Manifest.model_validate_json(archive.read(MANIFEST))
        except (*_UNREADABLE, ValidationError):
            raise DamagedBackup(path, "has no manifest that this program can read") from None

    def rows_of(self, copied: TableCopy) -> Iterator[bytes]:
        """The rows of a table in chunks. Raises `DamagedBackup`, at the latest after the last."""
        digest = hashlib.sha256()
        try:
            with self._archive.open(copied.member) as member:
                while chunk := member.read(CHUNK):
                    digest.update(chunk)
                    yield chunk
        except _UNREADABLE:
            raise DamagedBackup(self.path, f"is damaged in {copied.member}") from None
        if digest.hexdigest() != copied.sha256:
            raise DamagedBackup(self.path, f"has another digest of {copied.member}")


@contextmanager
def create_archive(path: Path) -> Iterator[ArchiveWriter]:
    """A new archive, which gets its name when the `with` ends without an error.

    Raises `BackupExists` and OSError.
    """
    if path.exists() or path.is_symlink():
        raise BackupExists(path)
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:  # mode 0600
            with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1) as archive:
                yield ArchiveWriter(archive)
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """A backup to read. Raises `DamagedBackup` and OSError."""
    with path.open("rb") as file, _zip_file(path, file) as archive:
        yield Archive(path, archive)


def _zip_file(path: Path, file: IO[bytes]) -> ZipFile:
    try:
        return ZipFile(file)
    except BadZipFile:
        raise DamagedBackup(path, "is no backup, or not whole") from None


def _chunks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in larger pieces: PostgreSQL sends each row by itself."""
    pending = bytearray()
    for block in blocks:
        pending += block
        if len(pending) >= CHUNK:
            yield bytes(pending)
            pending.clear()
    if pending:
        yield bytes(pending)
