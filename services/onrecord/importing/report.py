"""What is seen of an import: a bar, a sentence for each line that was refused, and a sum?

Called by `importing` and `import_check`. Without a terminal there is no bar.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from onrecord.importing import csv_rows
from onrecord.importing.files import Opened, kind
from onrecord.importing.lines import Placed


@dataclass
class Tally:
    """What became of the lines."""

    new: int = 0
    repeated: int = 0
    refused: int = 0
    skipped: int = 0
    """Recorded by an import that was cut, and not sent again."""
    refused_before: int = 0
    """Refused by that import, and told then."""
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    """For each id that was recorded: its seq, and the size that includes it. Only where no notes
    are kept, for files as small as the seeds.
    """

    @property
    def clean(self) -> bool:
        """Is every line on record?"""
        return not (self.refused or self.refused_before)

    def __str__(self) -> str:
        told = (
            f"{self.new:,} recorded, {self.repeated:,} on record before, {self.refused:,} refused"
        )
        if self.skipped or self.refused_before:
            told += f"; {self.skipped:,} skipped as recorded by the import that was cut"
        if self.refused_before:
            told += f", which refused {self.refused_before:,}"
        return told


@dataclass
class Bar:
    """Progress by bytes read of the files as they stand on the disk, which needs no first pass."""

    console: Console
    _progress: Progress
    _task: TaskID
    _before: int = 0
    _lines: int = 0

    def reading(self, path: Path) -> None:
        """A file is begun."""
        self._progress.update(self._task, description=path.name)

    def advance(self, opened: Opened, lines: int) -> None:
        """So many lines more of a file are done."""
        self._lines += lines
        rate = self._lines / (self._progress.tasks[0].elapsed or 1)
        self._progress.update(
            self._task, completed=self._before + opened.done, lines=self._lines, rate=rate
        )

    def finished(self, opened: Opened) -> None:
        """A file is done."""
        self.advance(opened, 0)
        self._before += opened.done

    def tell(self, placed: Placed, problem: Mapping[str, Any]) -> None:
        """Say why a line was refused, and where: by column in a CSV, by pointer otherwise."""
        csv = kind(placed.path) == ".csv"
        faults = "; ".join(
            f"{csv_rows.column(pointer) if csv else pointer}: {one['message']}"
            if (pointer := one.get("pointer", one.get("parameter")))
            else f"the line: {one['message']}"
            for one in problem.get("errors", [])
        )
        said = f"{placed.path}:{placed.number}: {problem['status']} {problem['detail']} {faults}"
        self.say(said.rstrip(), style="red")

    def say(self, text: str, style: str | None = None) -> None:
        """A sentence, in one line wherever it goes."""
        self.console.print(text, style=style, markup=False, soft_wrap=True)


@contextmanager
def bar(console: Console, doing: str, paths: Sequence[Path]) -> Iterator[Bar]:
    """A bar over all these files."""
    columns = (
        TextColumn(f"{doing} {{task.description}}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[lines]:,} lines, {task.fields[rate]:,.0f} a second"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        total = sum(path.stat().st_size for path in paths)
        yield Bar(console, progress, progress.add_task("", total=total, lines=0, rate=0.0))
