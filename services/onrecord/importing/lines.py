"""What are the batch lines of a file, and where does each stand?

Called by `importing` (to send them) and `import_check` (to check them).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onrecord.importing import csv_rows
from onrecord.importing.files import Opened, kind


@dataclass(frozen=True, slots=True)
class Placed:
    """A batch line and its place. `fault`: why there is no line, though there should be."""

    path: Path
    number: int
    line: bytes
    fault: str = ""


def lines(opened: Opened, *, after: int = 0) -> Iterator[Placed]:
    """The batch lines of a file that begin after line `after`. Raises `Unreadable`."""
    if kind(opened.path) != ".csv":
        for number, line in opened.lines():
            if number > after and line.strip() and not line.startswith(b"#"):
                yield Placed(opened.path, number, line.rstrip(b"\r\n"))
        return
    rows = csv_rows.rows(opened)
    columns = csv_rows.header(opened.path, rows)
    for number, cells in rows:
        if number > after:
            yield Placed(opened.path, number, *csv_rows.line(columns, cells))


def require_headers(paths: Iterable[Path]) -> None:
    """Raise `NothingToImport` where a CSV has not the columns of statements."""
    for path in paths:
        if kind(path) == ".csv":
            with Opened(path) as opened:
                csv_rows.header(path, csv_rows.rows(opened))


def refused_here(placed: Placed) -> dict[str, Any]:
    """What becomes of a line that there is not, as the door would say it."""
    return {"status": 422, "problem": {"status": 422, "detail": placed.fault}}
