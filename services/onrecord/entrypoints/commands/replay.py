"""Command `onrecord replay`: fold the ledger from the first entry and compare the projections."""

from dataclasses import asdict

import typer
from psycopg.errors import ReadOnlySqlTransaction
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import InternalError

from onrecord.audit.replay import ReplayOutcome, replay_ledger
from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.commands.options import (
    NO,
    DataOption,
    JsonOption,
    console,
    error_console,
    print_json,
)
from onrecord.entrypoints.commands.progress import entries_progress
from onrecord.kit.settings import Settings, addresses, load_settings
from onrecord.kit.sql import db
from onrecord.projections.engine.catch_up import FOLDING_SETTINGS


class PrimaryNeeded(Exception):
    """This database is a replica: a replay needs temporary tables, so run it on the primary."""

    def __str__(self) -> str:
        return str(self.__doc__)


def replay_command(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Check the projections against a replay of the ledger.

    Folds every entry from the first one on, and compares. The exit code is 1 if they differ.
    """
    with infrastructure.open_database(load_settings(data=data), error_console.print) as settings:
        infrastructure.require_schema(settings)
        outcome = run_replay(settings, error_console if as_json else console)
    if as_json:
        print_json({"equal": outcome.equal, "digest": outcome.digest, **asdict(outcome)})
    else:
        print_replay(outcome, console)
    if not outcome.equal:
        raise typer.Exit(NO)


def run_replay(settings: Settings, console: Console) -> ReplayOutcome:
    """Replay the ledger, with its progress on a console. Raises `PrimaryNeeded`."""
    url, _ = addresses(settings)
    engine = db.engine(url, role="onrecord_audit", **FOLDING_SETTINGS)
    try:
        with entries_progress("Replaying", console) as progress:
            return replay_ledger(engine, progress)
    except InternalError as error:
        if isinstance(error.orig, ReadOnlySqlTransaction):
            raise PrimaryNeeded from None
        raise
    finally:
        engine.dispose()


def print_replay(outcome: ReplayOutcome, console: Console) -> None:
    """Print how each projection compares with the ledger."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("table", "rows", "unequal", "SHA-256 of the replayed rows"):
        table.add_column(title)
    for compared in outcome.tables:
        table.add_row(compared.table, str(compared.rows), str(compared.unequal), compared.digest)
    console.print(table)
    for compared in outcome.tables:
        for row in compared.differences:
            console.print(Text(f"{compared.table}: the projection has {row.live}", "red"))
            console.print(Text(f"{compared.table}: the ledger gives   {row.replayed}", "red"))
    verdict = "the projections are what the ledger says" if outcome.equal else "they differ"
    console.print(f"Replayed {outcome.size} entries: {verdict}. Digest {outcome.digest}")
