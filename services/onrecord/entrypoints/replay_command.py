"""How are `onrecord replay` and `onrecord rebuild` run, and told in a terminal?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg.errors import ReadOnlySqlTransaction
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
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import InternalError

from onrecord.audit.replay import ReplayOutcome, replay_ledger
from onrecord.entrypoints import infrastructure
from onrecord.kit.processes.gc_tuning import spare_collector
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db
from onrecord.projections.engine.catch_up import FOLDING_SETTINGS
from onrecord.projections.engine.rebuild import rebuild_projection
from onrecord.projections.registry import projection_named


class PrimaryNeeded(Exception):
    """This database is a replica: a replay needs temporary tables, so run it on the primary."""

    def __str__(self) -> str:
        return str(self.__doc__)


def run_replay(settings: Settings, console: Console) -> ReplayOutcome:
    """Replay the ledger from the first entry, and tell how the projections compare."""
    url, _ = infrastructure.addresses(settings)
    engine = db.engine(url, role="onrecord_audit", **FOLDING_SETTINGS)
    try:
        with _progress("Replaying", console) as progress:
            outcome = replay_ledger(engine, progress)
    except InternalError as error:
        if isinstance(error.orig, ReadOnlySqlTransaction):
            raise PrimaryNeeded from None
        raise
    finally:
        engine.dispose()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("table", "rows", "unequal", "SHA-256 of the replayed rows"):
        table.add_column(title)
    for one in outcome.tables:
        table.add_row(one.table, str(one.rows), str(one.unequal), one.digest)
    console.print(table)
    for one in outcome.tables:
        for difference in one.differences:
            console.print(Text(f"{one.table}: the projection has {difference.live}", "red"))
            console.print(Text(f"{one.table}: the ledger gives   {difference.replayed}", "red"))
    verdict = "the projections are what the ledger says" if outcome.equal else "they differ"
    console.print(f"Replayed {outcome.size} entries: {verdict}. Digest {outcome.digest}")
    return outcome


def run_rebuild(settings: Settings, name: str, console: Console) -> None:
    """Build a projection anew beside the live one, together with whoever is at it, and switch."""
    chosen = projection_named(name)
    url, _ = infrastructure.addresses(settings)
    engine = db.engine(url, role="onrecord_projections", **FOLDING_SETTINGS)
    try:
        spare_collector()
        with _progress(f"Rebuilding {name}", console) as progress:
            generation = rebuild_projection(engine, chosen, progress)
    finally:
        engine.dispose()
    console.print(f"{name} is rebuilt; generation {generation} is live")


@contextmanager
def _progress(what: str, console: Console) -> Iterator[Callable[[int, int], None]]:
    columns = (
        *(TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("entries")),
        *(_Pace(), TimeRemainingColumn(), TextColumn("left")),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Pace(ProgressColumn):
    """Entries a second, of late."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")
