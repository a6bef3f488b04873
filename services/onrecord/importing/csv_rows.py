"""How does a row of a CSV file become a batch line?

Called by `import_lines`. A row is one statement of one speaker on one piece of evidence; what
says more than that is NDJSON. The words of a cell are taken as they stand.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from onrecord.importing.files import NothingToImport, Opened, Unreadable
from onrecord.kit.http.strict_bodies import MAX_BODY

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
"""Where the cell of each column stands in the body of a statement."""
REQUIRED: Final = ("speaker", "said_at", "text", "lang", "coder")
SOURCES: Final = ("url", "archive_url", "reference", "sha256")
"""At least one of these columns is required too."""
DEFAULTS: Final = {"said_at_basis": "stated", "mode": "verbatim"}

_ROWS: Final = UUID("b3b6c2a4-6c0e-5a7b-8f0d-5d1f2a9c7e41")
"""Namespace of the ids of rows without one. Never changes: importing again depends on it."""

Row = tuple[int, list[str]]
"""The cells of a row, and the number of the physical line that it begins on."""


def rows(opened: Opened) -> Iterator[Row]:
    """The rows of a file that say anything, the header first. Raises `Unreadable`."""
    reader = csv.reader(_text(opened), strict=True)
    first = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield first, cells
            first = reader.line_num + 1
    except csv.Error as error:
        why = (
            f"the row that begins here is no CSV: {error}; is a quote left open, or is a cell"
            f" longer than {csv.field_size_limit():,} characters?"
        )
        raise Unreadable(opened.path, first, why) from None


def _text(opened: Opened) -> Iterator[str]:
    for number, line in opened.lines():
        if len(line) > MAX_BODY:
            raise Unreadable(opened.path, number, "the line is larger than 1 MiB")
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            why = f"byte {error.start + 1} of the line is not UTF-8; save the file as UTF-8"
            raise Unreadable(opened.path, number, why) from None


def header(path: Path, all_rows: Iterator[Row]) -> list[str]:
    """Take the header off the rows. Raises `NothingToImport` where it is not one of statements."""
    _, cells = next(all_rows, (1, []))
    columns = [one.strip() for one in cells]
    faults = []
    if unknown := [one for one in columns if one not in COLUMNS]:
        faults.append(f"{_listed(unknown)} not known")
    if twice := sorted({one for one in columns if columns.count(one) > 1} - set(unknown)):
        faults.append(f"{_listed(twice)} given twice")
    if missing := [one for one in REQUIRED if one not in columns]:
        faults.append(f"{_listed(missing)} missing")
    if not set(SOURCES) & set(columns):
        faults.append(f"one of {', '.join(SOURCES)} missing")
    if faults:
        told = f"{path}:1: columns of the header: {'; '.join(faults)}. Known: {', '.join(COLUMNS)}."
        raise NothingToImport(f"{told} A comma stands between two columns.")
    return columns


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(one[:80]) for one in names)


def line(columns: Sequence[str], cells: Sequence[str]) -> tuple[bytes, str]:
    """The batch line that a row means, and what is wrong with it if it means none."""
    if len(cells) != len(columns):
        return b"", f"The row has {len(cells)} cells, the header {len(columns)}."
    body: dict[str, Any] = {"speakers": [{}], "content": {}, "evidence": [{}]}
    given = {name: cell for name, cell in zip(columns, cells, strict=True) if cell.strip()}
    for name, cell in {**DEFAULTS, **given}.items():
        value = [one.strip() for one in cell.split(";") if one.strip()]
        _put(body, COLUMNS[name], value if name == "topics" else cell)
    id_ = body.pop("id", None) or uuid5(_ROWS, _canonical(body).decode())
    return _canonical({"op": "statement", "id": str(id_), "body": body}), ""


def _put(body: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    inner: Any = body
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def column(pointer: str) -> str:
    """The column of a place in the batch line, which is what the writer of a CSV knows."""
    for name, path in COLUMNS.items():
        place = "/body/" + "/".join(map(str, path))
        if pointer == place or pointer.startswith(f"{place}/"):
            return name
    return "id" if pointer == "/id" else pointer
