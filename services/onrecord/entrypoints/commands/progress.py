"""Progress bar over the entries of the ledger, for replays and rebuilds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


@contextmanager
def entries_progress(title: str, console: Console) -> Iterator[Callable[[int, int], None]]:
    """A bar; the callback takes the number of entries done, and the number of all."""
    columns = (
        *(TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn("entries")),
        *(_SpeedColumn(), TimeRemainingColumn(), TextColumn("left")),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class _SpeedColumn(ProgressColumn):
    """Entries a second, over the last seconds."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")
