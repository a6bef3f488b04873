"""What a user sees of an import or a dry run: progress, refused lines, and a summary.

Used by `run` and `dry_run`. There is no progress bar without a terminal.
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

from onrecord.importing.csv_rows import column_of
from onrecord.importing.files import InputFile, format_of
from onrecord.importing.lines import SourceLine
from onrecord.kit.terminal import visible


@dataclass
class ImportSummary:
    """Numbers of lines by what became of them."""

    new: int = 0
    repeated: int = 0
    refused: int = 0
    skipped: int = 0
    """Recorded by the import that was cut, and not sent again."""
    refused_before: int = 0
    """Refused and reported by the import that was cut."""
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    """For each recorded id its seq, and the ledger's size with it. Filled only where no notes are
    kept, for files as small as the seeds.
    """

    @property
    def clean(self) -> bool:
        """Whether every line is on record."""
        return not (self.refused or self.refused_before)

    def __str__(self) -> str:
        text = (
            f"{self.new:,} recorded, {self.repeated:,} on record before, {self.refused:,} refused"
        )
        if self.skipped or self.refused_before:
            text += f"; {self.skipped:,} skipped as recorded by the import that was cut"
        if self.refused_before:
            text += f", which refused {self.refused_before:,}"
        return text


@dataclass
class DryRunSummary:
    """Numbers of lines by what would become of them."""

    on_record: int = 0
    """Recorded by the import or before it. A dry run cannot tell which."""
    repeated: int = 0
    refused: int = 0

    @property
    def clean(self) -> bool:
        """Whether every line would be on record."""
        return not self.refused

    def __str__(self) -> str:
        text = f"{self.on_record:,} would be on record, {self.refused:,} would be refused"
        return text + (f"; {self.repeated:,} are there twice" if self.repeated else "")


@dataclass
class ImportProgress:
    """Progress over all files, by bytes read on disk, which needs no first pass over the lines."""

    console: Console
    _progress: Progress
    _task: TaskID
    _bytes_before: int = 0
    _lines: int = 0

    def start_file(self, path: Path) -> None:
        self._progress.update(self._task, description=visible(path.name))

    def advance(self, file: InputFile, lines: int) -> None:
        """Show `lines` more lines of a file as done."""
        self._lines += lines
        rate = self._lines / (self._progress.tasks[0].elapsed or 1)
        completed = self._bytes_before + file.bytes_read
        self._progress.update(self._task, completed=completed, lines=self._lines, rate=rate)

    def finish_file(self, file: InputFile) -> None:
        self.advance(file, 0)
        self._bytes_before += file.bytes_read

    def print_refusal(self, line: SourceLine, problem: Mapping[str, Any]) -> None:
        """Print where a line was refused and why: by column for a CSV, else by JSON pointer."""
        is_csv = format_of(line.path) == ".csv"
        faults = []
        for error in problem.get("errors", []):
            place = error.get("pointer", error.get("parameter")) or "the line"
            faults.append(f"{column_of(place) if is_csv else place}: {error['message']}")
        text = f"{line.path}:{line.number}: {problem['status']} {problem['detail']}"
        self.print_line(f"{text} {'; '.join(faults)}".rstrip(), style="red")

    def print_line(self, text: str, style: str | None = None) -> None:
        """Print a sentence without wrapping it."""
        self.console.print(visible(text), style=style, markup=False, soft_wrap=True)


@contextmanager
def import_progress(
    console: Console, action: str, paths: Sequence[Path]
) -> Iterator[ImportProgress]:
    """Progress over these files; `action` is shown before the name of the current one."""
    columns = (
        TextColumn(f"{action} {{task.description}}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[lines]:,} lines, {task.fields[rate]:,.0f} a second"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        total = sum(path.stat().st_size for path in paths)
        task = progress.add_task("", total=total, lines=0, rate=0.0)
        yield ImportProgress(console, progress, task)
