"""Exports in tests: of a store into a folder, in small files, and killed at every step.

Run as a module with the address of a database and a folder, it exports into the folder until an
export ends, and kills each one a step later than the one before.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from onrecord.exporting import events
from onrecord.exporting.record import open_record
from onrecord.exporting.run import ExportProgress, ExportSummary, export_record


def ignore_progress(name: str, done: int, total: int | None = None) -> None:
    pass


def export(
    url: str,
    folder: Path,
    progress: ExportProgress = ignore_progress,
    *,
    known_size: int | None = None,
    as_of: datetime | None = None,
) -> ExportSummary:
    with open_record(url) as record:
        return export_record(record, folder, progress, known_size=known_size, as_of=as_of)


def use_small_files(set_attribute: Callable[[Any, str, Any], None] = setattr) -> None:
    """Files of eight events, read three at a time."""
    set_attribute(events, "EVENTS_PER_FILE", 8)
    set_attribute(events, "PAGE", 3)


def footer(path: Path) -> dict[str, str]:
    """What onrecord wrote into the footer of a file, which must be whole."""
    metadata = pq.ParquetFile(path, pre_buffer=False).metadata.metadata
    return {
        key.decode().removeprefix("onrecord."): value.decode()
        for key, value in metadata.items()
        if key.startswith(b"onrecord.")
    }


def visible_files(folder: Path) -> dict[str, bytes]:
    """The files that `*.parquet` finds, by their paths in the folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*.parquet"))
        if not path.name.startswith(".")
    }


def _kill_after(steps: int) -> ExportProgress:
    left = [steps]

    def progress(name: str, done: int, total: int | None = None) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


def main() -> None:
    """Print how many exports were killed."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    use_small_files()
    kills = 0
    while True:
        child = os.fork()
        if child == 0:
            export(url, folder, _kill_after(kills + 1))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        for path in visible_files(folder):
            rows = pq.read_table(folder / path).num_rows  # raises where it is not whole
            assert rows > 0
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        kills += 1
    sys.stdout.write(f"{kills}\n")


if __name__ == "__main__":
    main()
