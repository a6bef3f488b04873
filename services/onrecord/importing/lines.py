"""Batch lines of an input file, each with its place. Used by `run` and `dry_run`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from onrecord.importing import csv_rows
from onrecord.importing.files import InputFile, UnreadableFile, format_of

LINES_PER_BATCH: Final = 2_000
"""Also the number of lines that are sent again after a cut, at most."""
BYTES_PER_BATCH: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A batch line and its place. `error`: why a CSV row makes no line; `content` is then empty."""

    path: Path
    number: int
    content: bytes
    error: str = ""

    @property
    def problem(self) -> dict[str, Any] | None:
        """The error as the write API would return it."""
        return {"status": 422, "detail": self.error} if self.error else None


def read_lines(file: InputFile, *, after: int = 0) -> Iterator[SourceLine]:
    """The batch lines that begin after line number `after`.

    Raises `UnreadableFile`, and `NothingToImport` where a CSV does not have the right columns.
    """
    if format_of(file.path) != ".csv":
        for number, line in file.lines():
            if number > after and line.strip() and not line.startswith(b"#"):
                yield SourceLine(file.path, number, line.rstrip(b"\r\n"))
        return
    rows = csv_rows.read_rows(file)
    columns = csv_rows.read_header(file.path, rows)
    for number, cells in rows:
        if number > after:
            yield SourceLine(file.path, number, *csv_rows.batch_line(columns, cells))


def in_batches(lines: Iterable[SourceLine]) -> Iterator[list[SourceLine]]:
    """Lines in batches. Where a file breaks off, the lines before it come first, then the error."""
    batch: list[SourceLine] = []
    size = 0
    unreadable: UnreadableFile | None = None
    try:
        for line in lines:
            if batch and (
                len(batch) == LINES_PER_BATCH or size + len(line.content) > BYTES_PER_BATCH
            ):
                yield batch
                batch, size = [], 0
            batch.append(line)
            size += len(line.content)
    except UnreadableFile as error:
        unreadable = error
    if batch:
        yield batch
    if unreadable:
        raise unreadable


def require_headers(paths: Iterable[Path]) -> None:
    """Raise `NothingToImport` if a CSV among the files does not have the right columns."""
    for path in paths:
        if format_of(path) == ".csv":
            with InputFile(path) as file:
                csv_rows.read_header(path, csv_rows.read_rows(file))
