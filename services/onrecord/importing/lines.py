"""Batch lines of an input file, each with its place. Used by `run` and `dry_run`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from onrecord.importing import csv_rows
from onrecord.importing.cells import AS_WRITTEN, CellReader
from onrecord.importing.csv_records import DELIMITERS, CsvTable
from onrecord.importing.files import UTF_8, InputFile, UnreadableFile, format_of
from onrecord.kit.http.strict_bodies import MAX_BODY

LINES_PER_BATCH: Final = 2_000
"""Also the number of lines that are sent again after a cut, at most."""
BYTES_PER_BATCH: Final = 4_000_000

_MAX_LINE: Final = MAX_BODY + len("\r\n")


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


def read_lines(
    file: InputFile, *, after: int = 0, reader: CellReader = AS_WRITTEN
) -> Iterator[SourceLine]:
    """The batch lines that begin after line number `after`.

    Raises `UnreadableFile`, and `NothingToImport` where a CSV does not have the right columns.
    """
    if format_of(file.path) == ".csv":
        rows = CsvTable(file, csv_rows.COLUMNS).rows()
        columns = csv_rows.read_header(file.path, rows)
        for row in rows:
            if row.number > after:
                yield SourceLine(file.path, row.number, *csv_rows.batch_line(columns, row, reader))
        return
    for number, line in file.lines(_MAX_LINE, newline="\n"):
        if number > after and line.strip() and not line.startswith("#"):
            # a byte that was not decoded makes no UTF-8 here, and the write API refuses the line
            content = line.rstrip("\r\n").encode(errors="surrogatepass")
            yield SourceLine(file.path, number, content[:_MAX_LINE])


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


def describe_tables(paths: Iterable[Path], encoding: str) -> list[str]:
    """A sentence about each CSV that is not UTF-8 with commas.

    Raises `NothingToImport` if one does not have the right columns.
    """
    sentences = []
    for path in paths:
        if format_of(path) == ".csv":
            with InputFile(path, encoding) as file:
                table = CsvTable(file, csv_rows.COLUMNS)
                csv_rows.read_header(path, table.rows())
                name = file.encoding.removesuffix("-sig")
                if (table.delimiter, name.lower()) != (",", UTF_8):
                    delimiter = DELIMITERS[table.delimiter]
                    sentences.append(f"{path}: read as {name}, a {delimiter} between two cells")
    return sentences
