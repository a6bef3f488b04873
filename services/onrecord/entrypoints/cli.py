"""The command line: `onrecord --help`. Each command reads the settings and hands over to its room.

Exit codes: 0 done, 1 the answer is no, 2 usage, 3 something is not available, 130 Ctrl-C.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote

import httpx2
import psycopg
import sqlalchemy.exc
import typer
from rich.console import Console
from rich.text import Text

from onrecord.entrypoints import demo as demonstration
from onrecord.entrypoints import demo_receiver, infrastructure, local, replay_command, show_command
from onrecord.entrypoints import doctor as examination
from onrecord.entrypoints import migrate as migration
from onrecord.importing import csv_rows, run
from onrecord.importing import dry_run as import_check
from onrecord.kit import settings as kit_settings
from onrecord.kit.postgres.binaries import CannotRunPostgres
from onrecord.kit.settings import BadSettings, Settings
from onrecord.projections.engine.checkpoints import FoldChanged
from onrecord.projections.engine.poison import ProjectionStopped
from onrecord.projections.registry import UnknownProjection

app = typer.Typer(
    help="Who said what, what they therefore stood for, and what was known of it when.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
console: Final = Console(highlight=False)
errors: Final = Console(stderr=True, highlight=False)

NO, USAGE, UNAVAILABLE, INTERRUPTED = 1, 2, 3, 130

Data = Annotated[Path | None, typer.Option(help="Folder of the embedded database.", metavar="DIR")]
Port = Annotated[int | None, typer.Option(help="Port of the API.", min=1, max=65535)]
Url = Annotated[str | None, typer.Option(help="Address of a running onrecord.", metavar="URL")]


@contextmanager
def _told() -> Iterator[None]:
    """Turn the errors that a user can do something about into a sentence and an exit code."""
    code, said = 0, ""
    try:
        yield
    except (show_command.NotOnRecord, ProjectionStopped) as error:
        code, said = NO, str(error)
    except (
        BadSettings,
        httpx2.InvalidURL,
        UnknownProjection,
        run.NothingToImport,
        show_command.BadQuestion,
    ) as error:
        code, said = USAGE, str(error)
    except (
        CannotRunPostgres,
        run.DoorClosed,
        local.NotStarted,
        replay_command.PrimaryNeeded,
        infrastructure.SchemaMissing,
        FoldChanged,
        OSError,
        psycopg.OperationalError,
        sqlalchemy.exc.OperationalError,
    ) as error:
        code, said = UNAVAILABLE, str(getattr(error, "orig", None) or error)
    except KeyboardInterrupt:
        code, said = INTERRUPTED, "Stopped."
    if code:
        errors.print(Text(said, style="red"))
        raise typer.Exit(code)


def _address(settings: Settings, url: str | None) -> str:
    return url or f"http://{settings.host}:{settings.port}"


@app.command(epilog="Example: onrecord up --port 9000")
def up(data: Data = None, port: Port = None) -> None:
    """Run everything on this machine until Ctrl-C."""
    with _told():
        settings = kit_settings.load(data=data, port=port)
        with local.up(settings, console.print) as running:
            console.print(f"Ready: {running.address}/ (Ctrl-C ends it; logs in {running.logs})")
            running.watch(console.print)


@app.command(epilog="Example: onrecord demo --exit")
def demo(
    data: Data = None,
    port: Port = None,
    exit: Annotated[bool, typer.Option("--exit", help="End after the tour.")] = False,
    empty: Annotated[bool, typer.Option("--empty", help="Start without the seeds.")] = False,
) -> None:
    """Run everything, record the seeds, and show the main job on them."""
    with _told():
        settings = kit_settings.load(data=data, port=port)
        settings = settings.model_copy(
            update={"egress_allow": (*settings.egress_allow, demo_receiver.HERE)}
        )
        with local.up(settings, console.print) as running:
            held = demonstration.tour(settings, running, console, empty=empty)
            if not exit:
                console.print("\nRunning until Ctrl-C.")
                running.watch(console.print)
        if not held:
            raise typer.Exit(NO)


_AS_NEEDED: Final = set(csv_rows.COLUMNS) - {*csv_rows.REQUIRED, *csv_rows.SOURCES}
IMPORT_EPILOG: Final = f"""\b
Example: onrecord import seeds
Example: onrecord import statements.csv.gz --dry-run

The first row of a CSV names its columns, in any order: {", ".join(csv_rows.REQUIRED)}, and at
least one of {", ".join(csv_rows.SOURCES)}; and, as you need them,
{", ".join(one for one in csv_rows.COLUMNS if one in _AS_NEEDED)}. Between two topics
stands a ; and README.md says more.
"""


@app.command("import", epilog=IMPORT_EPILOG)
def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE|DIR")],
    url: Url = None,
    data: Data = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every line, and record nothing.")
    ] = False,
) -> None:
    """Record the lines of a file, or of every such file in a folder in name order.

    NDJSON of batch lines (.ndjson, .jsonl) or CSV of statements (.csv), each also with .gz. Safe to
    repeat: lines that are on record stay as they are. An import that was cut goes on where it was
    when the same command is given again; the data folder keeps a note of that.
    """
    with _told():
        settings = kit_settings.load(data=data)
        address, paths = _address(settings, url), run.files(path)
        made: run.Tally | import_check.Outlook
        try:
            if dry_run:
                made = import_check.check_files(paths, address=address, console=console)
            else:
                made = run.import_files(paths, address=address, console=console, data=settings.data)
        except run.Unreadable as error:
            errors.print(Text(str(error), style="red"), soft_wrap=True)
            raise typer.Exit(NO) from None
        console.print(str(made), soft_wrap=True)
        if not made.clean:
            raise typer.Exit(NO)


@app.command(epilog="Example: onrecord show biden talks-with-putin --as-of 2022-11-30")
def show(
    actor: str,
    topic: str,
    as_of: Annotated[str | None, typer.Option(help="When it was so in the world.")] = None,
    known_size: Annotated[
        int | None, typer.Option(help="As the record stood at this size.")
    ] = None,
    url: Url = None,
) -> None:
    """Show what an actor held on a topic, with the exact words."""
    with _told():
        address = _address(kit_settings.load(), url)
        with httpx2.Client(base_url=address, timeout=30) as client:
            path = f"/v1/actors/{quote(actor, safe='')}/topics/{quote(topic, safe='')}/position"
            found = show_command.ask(client, path, as_of=as_of, known_size=known_size)
        show_command.show_position(console, found, words=True)


@app.command(epilog="Example: onrecord replay")
def replay(data: Data = None) -> None:
    """Fold the ledger anew from the first entry, and compare with the projections."""
    with _told(), infrastructure.database(kit_settings.load(data=data), errors.print) as settings:
        infrastructure.require_schema(settings)
        if not replay_command.run_replay(settings, console).equal:
            raise typer.Exit(NO)


@app.command(epilog="Example: onrecord rebuild positions")
def rebuild(name: Annotated[str, typer.Argument(metavar="NAME")], data: Data = None) -> None:
    """Build a projection anew beside the live one, then switch; reads go on meanwhile."""
    with _told(), infrastructure.database(kit_settings.load(data=data), errors.print) as settings:
        infrastructure.require_schema(settings)
        replay_command.run_rebuild(settings, name, console)


@app.command(epilog="Example: ONRECORD_DATABASE_URL=postgresql://... onrecord migrate")
def migrate(data: Data = None) -> None:
    """Bring the database's schema up to date."""
    with _told():
        migration.migrate(kit_settings.load(data=data), console.print)


@app.command(epilog="Example: onrecord doctor")
def doctor(data: Data = None, port: Port = None) -> None:
    """Say what is there, what is missing, and how to mend it."""
    with _told():
        if not examination.examine(kit_settings.load(data=data, port=port), console):
            raise typer.Exit(NO)


if __name__ == "__main__":
    app()
