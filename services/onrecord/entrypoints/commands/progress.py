"""Progress bars: over entries of the ledger or rows of the database, and of an export."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


@contextmanager
def entries_progress(
    title: str, console: Console, unit: str = "entries"
) -> Iterator[Callable[[int, int], None]]:
    """A bar; the callback takes the number of entries (or other units) done, and that of all."""
    columns = (
        *(TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn(unit)),
        *(_SpeedColumn(), TimeRemainingColumn(), TextColumn("left")),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def export_progress(console: Console) -> Iterator[Callable[..., None]]:
    """A bar for each thing written; see `exporting.run.ExportProgress`."""
    columns = (
        *(TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn()),
        *(_SpeedColumn(), TimeRemainingColumn()),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:

        def update(name: str, done: int, total: int | None = None) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done, total=total)

        yield update


class _SpeedColumn(ProgressColumn):
    """Entries a second, over the last seconds."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")
