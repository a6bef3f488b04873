"""Records of a CSV file: its delimiter, and its rows, of which some are no CSV.

Used by `csv_rows`. A fault ends its row and not the file: a row that is no CSV has an error, and
reading continues on the line after the one that it begins on, so a quote left open costs one row.
"""

import csv
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from onrecord.importing.files import InputFile, NothingToImport
from onrecord.kit.http.strict_bodies import MAX_BODY

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}

_MAX_RECORD: Final = 4 * MAX_BODY
"""Characters of a row, after which a quote in it counts as left open."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row, and the numbers of its first and last physical lines. `error`: why it has no cells."""

    number: int
    last: int
    cells: Sequence[str]
    error: str = ""


class CsvTable:
    """The rows of a CSV file that are not blank, the header first. Raises `UnreadableFile`.

    The delimiter is the one that a first line such as ``sep=;`` names, as Excel writes it, else the
    one that splits the header into the most columns of `known` names.
    """

    def __init__(self, file: InputFile, known: Collection[str]) -> None:
        # Of the whole process: csv has no limit for one reader.
        csv.field_size_limit(_MAX_RECORD)
        self._file = file
        self._lines = _RecordLines(file.lines(_MAX_RECORD, newline=""))
        named = self._named_delimiter()
        while self._lines.peek().isspace():
            self._lines.start_record()
            next(self._lines)
        self.delimiter = named or _best_delimiter(self._lines.peek(), known)

    def rows(self) -> Iterator[CsvRow]:
        reader = csv.reader(self._lines, strict=True, delimiter=self.delimiter)
        while True:
            self._lines.start_record()
            try:
                cells, error = next(reader), ""
            except StopIteration:
                return
            except csv.Error as reason:
                cells, error = [], self._no_csv(str(reason))
            first, last = self._lines.record[0][0], self._lines.record[-1][0]
            if error:
                self._lines.go_back()
                yield CsvRow(first, last, (), error)
            elif self._lines.size > MAX_BODY:
                yield CsvRow(first, last, (), "The row is larger than 1 MiB.")
            elif error := self._undecoded():
                yield CsvRow(first, last, (), error)
            elif any(cell.strip() for cell in cells):
                yield CsvRow(first, last, cells)

    def _named_delimiter(self) -> str | None:
        line = self._lines.peek().rstrip("\r\n").strip('"')
        name = line[4:]
        if line[:4].lower() != "sep=":
            return None
        next(self._lines)
        if name not in DELIMITERS:
            raise NothingToImport(
                f"{self._file.path}:1: {line[:80]!r} names no delimiter; it may be"
                f" {', '.join(DELIMITERS.values())}"
            )
        return name

    def _no_csv(self, reason: str) -> str:
        if self._lines.size > _MAX_RECORD:
            reason = f"no end within {_MAX_RECORD:,} characters"
        elif reason == "unexpected end of data":
            reason = "a quote is still open at the end of the file"
        else:
            reason += f", in line {self._lines.record[-1][0]}"
        return (
            f"The row that begins here is no CSV: {reason}. A quoted cell ends with a quote, and a"
            " quote within it is written twice."
        )

    def _undecoded(self) -> str:
        """What is wrong with the first byte of the record that is not of the file's encoding."""
        for number, line in self._lines.record:
            try:
                line.encode()
            except UnicodeEncodeError as error:
                byte = ord(line[error.start]) - 0xDC00
                fault = f"byte 0x{byte:02X}" if 0x80 <= byte <= 0xFF else "half a character"
                before = line[: error.start][-20:]
                return (
                    f"Line {number} is not {self._file.encoding}: {fault} follows {before!r}. Save"
                    " the file as UTF-8, or name its encoding with --encoding (often cp1252)."
                )
        return ""


class _RecordLines(Iterator[str]):
    """Lines for `csv.reader`, which can go back within the record that is being read."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self._ahead: deque[tuple[int, str]] = deque()
        self.start_record()

    def start_record(self) -> None:
        self.record: list[tuple[int, str]] = []
        self.size = 0

    def __next__(self) -> str:
        numbered = self._ahead.popleft() if self._ahead else next(self._lines)
        self.record.append(numbered)
        self.size += len(numbered[1])
        if self.size > _MAX_RECORD:
            raise csv.Error
        return numbered[1]

    def go_back(self) -> None:
        """Return to the second line of the record."""
        self._ahead.extendleft(reversed(self.record[1:]))

    def peek(self) -> str:
        """The next line, which stays the next one; empty at the end."""
        if not self._ahead:
            self._ahead.extend(line for line in [next(self._lines, None)] if line)
        return self._ahead[0][1] if self._ahead else ""


def _best_delimiter(header: str, known: Collection[str]) -> str:
    def columns(delimiter: str) -> int:
        return sum(name in known for name in column_names(header_cells(delimiter)))

    def header_cells(delimiter: str) -> Sequence[str]:
        try:
            return next(csv.reader([header], strict=True, delimiter=delimiter), [])
        except csv.Error:
            return []

    return max(DELIMITERS, key=columns)  # of equals the first, which is the comma


def column_names(cells: Iterable[str]) -> list[str]:
    """The names in the cells of a header, without the blanks around them, in lower case."""
    return [cell.strip().lower() for cell in cells]
