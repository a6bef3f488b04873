"""CSV rows and the batch lines that they mean.

Used by `lines`. A row is one statement of one speaker with one piece of evidence, one position, or
both; anything more needs NDJSON. Text is taken from a cell unchanged.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from onrecord.importing.cells import AS_WRITTEN, CellReader, UnclearCell, split_cell
from onrecord.importing.csv_records import DELIMITERS, CsvRow, column_names
from onrecord.importing.files import NothingToImport

STATEMENT: Final[Mapping[str, tuple[str | int, ...]]] = {
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
    "note": ("note",),
}
"""The place of each column's value in the body of a statement."""
POSITION: Final[Sequence[str]] = (
    *("stance", "topic", "effective", "condition", "summary", "actor", "rationale", "basis"),
)
"""Columns of a position, each the name of its field."""
COLUMNS: Final = ("id", *STATEMENT, "coder", *POSITION)
REQUIRED: Final = ("speaker", "said_at", "text", "lang", "coder")
SOURCES: Final[Sequence[str]] = ("url", "archive_url", "reference", "sha256")
"""At least one of these columns is required too."""
DEFAULTS: Final = {"said_at_basis": "stated", "mode": "verbatim"}

_NAMESPACE: Final = UUID("b3b6c2a4-6c0e-5a7b-8f0d-5d1f2a9c7e41")
"""Of the ids of rows without one. Never change it: a repeated import would record rows twice."""
_ALONG: Final = "/body/positions/0/"
"""What begins the JSON pointer to a field of a position that is recorded along with a statement."""


def read_header(path: Path, rows: Iterator[CsvRow]) -> list[str]:
    """Take the first row and return its columns. Raises `NothingToImport` if they do not fit."""
    header = next(rows, CsvRow(1, 1, ()))
    columns = column_names(header.cells)
    faults = [header.error] if header.error else _header_faults(columns)
    if faults:
        raise NothingToImport(
            f"{path}:{header.number}: columns of the header: {'; '.join(faults)}. Known:"
            f" {', '.join(COLUMNS)}. Between two columns stands a {_either(DELIMITERS.values())}."
        )
    return columns


def _header_faults(columns: Sequence[str]) -> list[str]:
    faults = []
    if any("\0" in name for name in columns):
        return ["NUL characters; if the file is UTF-16, give --encoding utf-16-le"]
    counts = Counter(columns)
    if unknown := [name for name in counts if name not in COLUMNS]:
        faults.append(f"{_quoted(unknown)} not known")
    if twice := sorted(name for name in COLUMNS if counts[name] > 1):
        faults.append(f"{_quoted(twice)} given twice")
    choices: list[Sequence[str]] = []
    if "text" in columns or "stance" not in columns:
        missing = [name for name in REQUIRED if name not in columns]
        choices += [SOURCES]
    else:
        missing = [name for name in ("effective", "coder") if name not in columns]
        choices += [("actor", "speaker")]
    if "stance" in columns:
        missing += ["summary"] if "summary" not in columns else []
        choices += [("topic", "topics")]
    if missing:
        faults.append(f"{_quoted(missing)} missing")
    faults += [
        f"one of {', '.join(names)} missing" for names in choices if not {*names} & {*columns}
    ]
    return faults


def _quoted(names: Iterable[str]) -> str:
    """The first ten of these names, and how many there are more."""
    quoted = [repr(name[:80]) for name in names]
    more = f" and {len(quoted) - 10} more" if len(quoted) > 10 else ""
    return ", ".join(quoted[:10]) + more


def _either(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"


def batch_line(
    columns: Sequence[str], row: CsvRow, reader: CellReader = AS_WRITTEN
) -> tuple[bytes, str]:
    """The batch line of a row and an empty string, or nothing and what is wrong with the row.

    Without an id, its id follows from the cells as they are written: where they are read otherwise
    later, as after `--dates mdy`, the row is refused and not recorded a second time.
    """
    if row.error:
        return b"", row.error
    if len(row.cells) != len(columns):
        lines = f" (lines {row.number} to {row.last})" if row.last > row.number else ""
        return b"", f"The row{lines} has {len(row.cells)} cells, the header {len(columns)}."
    cells = {name: cell for name, cell in zip(columns, row.cells, strict=True) if cell.strip()}
    try:
        read = reader.read(cells)
    except UnclearCell as error:
        return b"", str(error)
    op, body, fault = _line_body(cells)
    if fault:
        return b"", fault
    id_ = cells.get("id") or uuid5(_NAMESPACE, _sorted_json(body).decode())
    if read != cells:
        op, body, _ = _line_body(read)
    return _sorted_json({"op": op, "id": str(id_), "body": body}), ""


def _line_body(cells: Mapping[str, str]) -> tuple[str, dict[str, Any], str]:
    """The operation and the body of a line, or what is wrong with its cells."""
    if "stance" not in cells:
        if stray := [name for name in POSITION if name in cells and name != "topic"]:
            return "", {}, f"The row has no stance, which {_quoted(stray)} would belong to."
        return "statement", _statement(cells), ""
    if "text" in cells:
        body = _statement(cells)
        body["positions"] = [_position({"effective": cells.get("said_at", ""), **cells})]
        return "statement", body, ""
    if stray := [name for name in STATEMENT if name in cells and name not in _SHARED]:
        fault = (
            f"The row has a stance and no text, so it is a position alone, without"
            f" {_quoted(stray)}. Give the text too, or leave these cells empty."
        )
        return "", {}, fault
    return "position", _position(cells) | _only(cells, "coder"), ""


_SHARED: Final = ("speaker", "topics")


def _statement(cells: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {"speakers": [{}], "content": {}, "evidence": [{}]}
    body |= _only(cells, "coder")
    for name, cell in {**DEFAULTS, **cells}.items():
        if name in STATEMENT:
            _set_at(body, STATEMENT[name], split_cell(cell) if name == "topics" else cell)
    if "topic" in cells and "topics" not in cells:
        body["topics"] = [cells["topic"]]
    return body


def _position(cells: Mapping[str, str]) -> dict[str, Any]:
    """A position. What its own columns leave out is that of the statement's columns."""
    topics = split_cell(cells.get("topics", ""))
    body: dict[str, Any] = {
        "actor": cells.get("speaker"),
        "topic": topics[0] if len(topics) == 1 else None,
    }
    body |= _only(cells, *POSITION)
    if "basis" in body:
        body["basis"] = split_cell(body["basis"])
    return {name: value for name, value in body.items() if value}


def _only(cells: Mapping[str, str], *names: str) -> dict[str, Any]:
    return {name: cells[name] for name in names if name in cells}


def _set_at(body: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    parent: Any = body
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value


def _sorted_json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def column_of(pointer: str) -> str:
    """The column that a JSON pointer into the batch line comes from, or the pointer itself."""
    for name, path in STATEMENT.items():
        place = "/body/" + "/".join(map(str, path))
        if pointer == place or pointer.startswith(f"{place}/"):
            return name
    names = pointer.removeprefix(_ALONG).removeprefix("/body/").removeprefix("/").split("/")
    return names[0] if names[0] in COLUMNS else pointer
