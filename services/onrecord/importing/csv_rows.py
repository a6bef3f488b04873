"""CSV rows and the batch lines that they mean.

Used by `lines`. A row is one statement of one speaker with one piece of evidence; anything more
needs NDJSON. Text is taken from a cell unchanged.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from onrecord.importing.files import InputFile, NothingToImport, UnreadableFile
from onrecord.kit.http.strict_routes import MAX_BODY

COLUMNS: Final[Mapping[str, tuple[str | int, ...]]] = {
    "id": ("id",),
    "speaker": ("speakers", 0, "actor"),
    "role": ("speakers", 0, "role"),
    "said_at": ("said_at",),
    "said_at_basis": ("said_at_basis",),
    "text": ("content", "text"),
    "lang": ("content", "lang"),
    "mode": ("content", "mode"),
    "topics": ("topics",),
    "url": ("evidence", 0, "url"),
    "archive_url": ("evidence", 0, "archive_url"),
    "reference": ("evidence", 0, "reference"),
    "sha256": ("evidence", 0, "sha256"),
    "outlet": ("evidence", 0, "outlet"),
    "title": ("evidence", 0, "title"),
    "published_at": ("evidence", 0, "published_at"),
    "venue": ("venue",),
    "coder": ("coder",),
    "note": ("note",),
}
"""The place of each column's value in the body of a statement."""
REQUIRED: Final = ("speaker", "said_at", "text", "lang", "coder")
SOURCES: Final = ("url", "archive_url", "reference", "sha256")
"""At least one of these columns is required too."""
DEFAULTS: Final = {"said_at_basis": "stated", "mode": "verbatim"}

_NAMESPACE: Final = UUID("b3b6c2a4-6c0e-5a7b-8f0d-5d1f2a9c7e41")
"""Of the ids of rows without one. Never change it: a repeated import would record rows twice."""

CsvRow = tuple[int, list[str]]
"""The number of the physical line that a row begins on, and its cells."""


def read_rows(file: InputFile) -> Iterator[CsvRow]:
    """The rows that are not blank, the header first. Raises `UnreadableFile`."""
    reader = csv.reader(_decoded_lines(file), strict=True)
    first_line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield first_line, cells
            first_line = reader.line_num + 1
    except csv.Error as error:
        reason = (
            f"the row that begins here is no CSV: {error}; is a quote left open, or is a cell"
            f" longer than {csv.field_size_limit():,} characters?"
        )
        raise UnreadableFile(file.path, first_line, reason) from None


def _decoded_lines(file: InputFile) -> Iterator[str]:
    for number, line in file.lines():
        if len(line) > MAX_BODY:
            raise UnreadableFile(file.path, number, "the line is larger than 1 MiB")
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            reason = f"byte {error.start + 1} of the line is not UTF-8; save the file as UTF-8"
            raise UnreadableFile(file.path, number, reason) from None


def read_header(path: Path, rows: Iterator[CsvRow]) -> list[str]:
    """Take the first row and return its columns. Raises `NothingToImport` if they do not fit."""
    _, cells = next(rows, (1, []))
    columns = [cell.strip() for cell in cells]
    faults = []
    if unknown := [name for name in columns if name not in COLUMNS]:
        faults.append(f"{_quoted(unknown)} not known")
    if twice := sorted({name for name in columns if columns.count(name) > 1} - set(unknown)):
        faults.append(f"{_quoted(twice)} given twice")
    if missing := [name for name in REQUIRED if name not in columns]:
        faults.append(f"{_quoted(missing)} missing")
    if not set(SOURCES) & set(columns):
        faults.append(f"one of {', '.join(SOURCES)} missing")
    if faults:
        raise NothingToImport(
            f"{path}:1: columns of the header: {'; '.join(faults)}. Known: {', '.join(COLUMNS)}."
            " A comma stands between two columns."
        )
    return columns


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name[:80]) for name in names)


def batch_line(columns: Sequence[str], cells: Sequence[str]) -> tuple[bytes, str]:
    """The batch line of a row and an empty string, or nothing and what is wrong with the row."""
    if len(cells) != len(columns):
        return b"", f"The row has {len(cells)} cells, the header {len(columns)}."
    body: dict[str, Any] = {"speakers": [{}], "content": {}, "evidence": [{}]}
    filled = {name: cell for name, cell in zip(columns, cells, strict=True) if cell.strip()}
    for name, cell in {**DEFAULTS, **filled}.items():
        slugs = [part.strip() for part in cell.split(";") if part.strip()]
        _set_at(body, COLUMNS[name], slugs if name == "topics" else cell)
    id_ = body.pop("id", None) or uuid5(_NAMESPACE, _sorted_json(body).decode())
    return _sorted_json({"op": "statement", "id": str(id_), "body": body}), ""


def _set_at(body: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    parent: Any = body
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value


def _sorted_json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def column_of(pointer: str) -> str:
    """The column that a JSON pointer into the batch line comes from, or the pointer itself."""
    for name, path in COLUMNS.items():
        place = "/body/" + "/".join(map(str, path))
        if pointer == place or pointer.startswith(f"{place}/"):
            return name
    return "id" if pointer == "/id" else pointer
