"""Parquet files that are written whole or not at all, with what they are of in their footers.

Used by `run`. A file is written under a temporary name, synchronized to disk and renamed: a process
killed at any moment leaves the old file, the new one or none.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from onrecord.exporting.errors import FolderInUse, UnusableFolder

Rows = Sequence[Mapping[str, Any]]
Footer = dict[str, str]

PREFIX: Final = "onrecord."
"""Keys of the footer's metadata begin with it."""
ROW_GROUP_BYTES: Final = 16 * 2**20
"""Bytes in memory after which rows are written as a row group."""
ROW_GROUP_ROWS: Final = 100_000


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Create a folder and lock it. Raises `FolderInUse`; the lock ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(folder) from None
        yield
    finally:
        os.close(descriptor)


def read_footer(path: Path) -> Footer:
    """The metadata that `write_parquet` wrote. Raises `UnusableFolder`."""
    if not path.is_file():  # a named pipe would be waited for
        raise UnusableFolder(path, "is no file")
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except pa.ArrowInvalid:
        raise UnusableFolder(path, "is no whole Parquet file") from None
    prefix = PREFIX.encode()
    return {
        key.removeprefix(prefix).decode(): value.decode()
        for key, value in metadata.items()
        if key.startswith(prefix)
    }


def temporary_path(path: Path) -> Path:
    """Where a file is written before it gets its name."""
    return path.with_name(f".{path.name}.tmp")


def write_parquet(path: Path, schema: pa.Schema, pages: Iterable[Rows], footer: Footer) -> int:
    """Write pages of rows to the temporary path of a file, and return the number of rows.

    The footer is read after the last page. Removes the temporary file where it raises.
    """
    target = temporary_path(path)
    try:
        with target.open("xb") as file:  # nothing that was put there meanwhile
            count = _write_pages(file, schema, pages, footer)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(FileNotFoundError):
            target.unlink()
        raise
    return count


def _write_pages(file: Any, schema: pa.Schema, pages: Iterable[Rows], footer: Footer) -> int:
    count = 0
    with pq.ParquetWriter(file, schema, compression="zstd", store_schema=True) as writer:
        group: list[pa.RecordBatch] = []
        for page in pages:
            group.append(pa.RecordBatch.from_pylist(list(page), schema=schema))
            count += len(page)
            full_bytes = sum(batch.nbytes for batch in group) >= ROW_GROUP_BYTES
            if full_bytes or sum(batch.num_rows for batch in group) >= ROW_GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(group, schema))
                group = []
        if group:
            writer.write_table(pa.Table.from_batches(group, schema))
        writer.add_key_value_metadata({PREFIX + key: value for key, value in footer.items()})
    return count


def publish(paths: Iterable[Path]) -> None:
    """Give written files their names, and make that durable."""
    folders = set()
    for path in paths:
        temporary_path(path).replace(path)
        folders.add(path.parent)
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_temporary_files(*folders: Path) -> None:
    """Remove what a killed export left behind."""
    for folder in folders:
        for path in folder.glob(".*.parquet.tmp"):
            path.unlink()
