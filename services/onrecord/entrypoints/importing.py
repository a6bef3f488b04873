"""How do files of batch lines get on record?

`onrecord import`: reads NDJSON files (and folders of them, in name order), sends the lines through
`POST /v1/batch` some at a time, and tells every line that was not recorded. Lines carry ids, so
importing again, or going on after a crash, records nothing twice.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

AT_ONCE: Final = 500
"""Lines a request."""
MOST_BYTES: Final = 4_000_000


Placed = tuple[Path, int, bytes]
"""A line with its file and its number there."""


class NothingToImport(Exception):
    """There is no NDJSON file where one was named."""


class DoorClosed(Exception):
    """The write door cannot be reached, or does not take the lines."""


@dataclass
class Tally:
    """What became of the lines."""

    new: int = 0
    repeated: int = 0
    refused: int = 0
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    """For each id that was recorded: its seq, and the size that includes it."""


def files(path: Path) -> list[Path]:
    """The files that a path means."""
    found = sorted(path.glob("*.ndjson")) if path.is_dir() else [path]
    if not found or not all(one.is_file() for one in found):
        raise NothingToImport(f"{path} is neither an NDJSON file nor a folder with one in it")
    return found


def import_files(paths: list[Path], *, address: str, console: Console) -> Tally:
    """Send all lines; what was refused is printed with file, line and reason."""
    total = sum(1 for path in paths for _ in _lines(path))
    lines = ((path, number, line) for path in paths for number, line in _lines(path))
    tally = Tally()
    columns = (
        TextColumn("Recording"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("lines"),
        TimeRemainingColumn(),
    )
    with (
        httpx2.Client(base_url=address, timeout=120) as client,
        Progress(*columns, console=console) as progress,
    ):
        task = progress.add_task("", total=total)
        for some in _portions(lines):
            for (path, number, _), result in zip(some, _send(client, some), strict=True):
                _count(tally, result, f"{path}:{number}", console)
            progress.advance(task, len(some))
    return tally


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            if line.strip() and not line.startswith(b"#"):
                yield number, line.rstrip(b"\r\n")


def _portions(lines: Iterable[Placed]) -> Iterator[list[Placed]]:
    some: list[Placed] = []
    size = 0
    for one in lines:
        if some and (len(some) == AT_ONCE or size + len(one[2]) > MOST_BYTES):
            yield some
            some, size = [], 0
        some.append(one)
        size += len(one[2])
    if some:
        yield some


def _send(client: httpx2.Client, some: list[Placed]) -> list[dict[str, Any]]:
    body = b"\n".join(line for _, _, line in some)
    try:
        answer = client.post(
            "/v1/batch", content=body, headers={"Content-Type": "application/x-ndjson"}
        )
    except httpx2.TransportError as error:
        raise DoorClosed(
            f"{client.base_url} does not answer ({error}); is `onrecord up` running?"
        ) from None
    if answer.status_code != 200:
        raise DoorClosed(f"{client.base_url} answered {answer.status_code}: {answer.text[:300]}")
    return [orjson.loads(line) for line in answer.content.splitlines()]


def _count(tally: Tally, result: dict[str, Any], place: str, console: Console) -> None:
    if problem := result.get("problem"):
        tally.refused += 1
        faults = "; ".join(
            f"{one.get('pointer', one.get('parameter')) or 'the line'}: {one['message']}"
            for one in problem.get("errors", [])
        )
        console.print(
            f"{place}: {problem['status']} {problem['detail']} {faults}", style="red", markup=False
        )
        return
    tally.places[result["id"]] = (result["seq"], result["size"])
    if result["status"] == 200:
        tally.repeated += 1
    else:
        tally.new += 1
