"""Command line of onrecord: the list of its commands, and the exit code of each error.

Exit codes: 0 done, 1 the answer is no, 2 usage, 3 something is not available, 130 Ctrl-C.
"""

from importlib.metadata import version
from typing import Annotated, Any, Final

import httpx2
import psycopg
import sqlalchemy.exc
import typer
from rich.text import Text
from typer.core import TyperGroup

from onrecord.access.registry import UnknownKey
from onrecord.backup.errors import (
    BackupExists,
    DamagedBackup,
    DamagedLedger,
    MigratorNeeded,
    NewerBackup,
    NothingToBackUp,
    SchemaChanged,
    TargetNotEmpty,
)
from onrecord.client import ApiUnavailable
from onrecord.entrypoints.commands import (
    backup,
    demo,
    digest,
    doctor,
    erase,
    export,
    import_files,
    keys,
    log_key,
    migrate,
    rebuild,
    replay,
    restore,
    show,
    up,
    verify,
    verify_url,
)
from onrecord.entrypoints.commands.options import (
    INTERRUPTED,
    NO,
    UNAVAILABLE,
    USAGE,
    error_console,
)
from onrecord.entrypoints.infrastructure import SchemaMissing
from onrecord.entrypoints.local_key import LocalKeyUnusable
from onrecord.entrypoints.supervisor import NotStarted
from onrecord.exporting.errors import FolderInUse, SizeNotReached, UnusableFolder
from onrecord.importing.client import KeyRefused
from onrecord.importing.files import NothingToImport
from onrecord.kit.postgres.binaries import CannotRunPostgres
from onrecord.kit.secret_file import UnsafeSecretFile
from onrecord.kit.settings import BadSettings
from onrecord.kit.terminal import visible
from onrecord.projections.engine.checkpoints import FoldChanged
from onrecord.projections.engine.poison import ProjectionStopped
from onrecord.projections.registry import UnknownProjection
from onrecord.signing.kept_checkpoint import BadKeptCheckpoint
from onrecord.signing.key_file import BadKeyFile, KeyFileRefuses
from onrecord.verifying.saved_state import BadState, StateInUse

EXIT_CODES: Final[dict[type[BaseException], int]] = {
    show.NotOnRecord: NO,
    ProjectionStopped: NO,
    UnknownKey: NO,
    KeyRefused: NO,
    KeyFileRefuses: NO,
    DamagedBackup: NO,
    DamagedLedger: NO,
    TargetNotEmpty: NO,
    BadSettings: USAGE,
    httpx2.InvalidURL: USAGE,
    UnknownProjection: USAGE,
    NothingToImport: USAGE,
    show.InvalidRequest: USAGE,
    UnusableFolder: USAGE,
    BackupExists: USAGE,
    CannotRunPostgres: UNAVAILABLE,
    UnsafeSecretFile: UNAVAILABLE,
    BadKeyFile: UNAVAILABLE,
    BadKeptCheckpoint: UNAVAILABLE,
    ApiUnavailable: UNAVAILABLE,
    NotStarted: UNAVAILABLE,
    LocalKeyUnusable: UNAVAILABLE,
    replay.PrimaryNeeded: UNAVAILABLE,
    SchemaMissing: UNAVAILABLE,
    NewerBackup: UNAVAILABLE,
    NothingToBackUp: UNAVAILABLE,
    SchemaChanged: UNAVAILABLE,
    MigratorNeeded: UNAVAILABLE,
    FoldChanged: UNAVAILABLE,
    export.ParquetMissing: UNAVAILABLE,
    verify_url.StrictMissing: UNAVAILABLE,
    BadState: UNAVAILABLE,
    StateInUse: UNAVAILABLE,
    FolderInUse: UNAVAILABLE,
    SizeNotReached: UNAVAILABLE,
    OSError: UNAVAILABLE,
    psycopg.OperationalError: UNAVAILABLE,
    sqlalchemy.exc.OperationalError: UNAVAILABLE,
    KeyboardInterrupt: INTERRUPTED,
}
"""Errors that a user can act on. Any other one is a bug and shows its traceback."""


class CommandGroup(TyperGroup):
    """Prints the errors of `EXIT_CODES` as one sentence instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except tuple(EXIT_CODES) as error:
            code = next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
            # SQLAlchemy wraps the driver's error in one whose text includes the statement
            text = "Stopped." if code == INTERRUPTED else str(getattr(error, "orig", None) or error)
            error_console.print(Text(visible(text, lines=True), style="red"))
            raise typer.Exit(code) from None


app = typer.Typer(
    cls=CommandGroup,
    help="Who said what, what they therefore stood for, and what was known of it when.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"onrecord {version('onrecord')}")
        raise typer.Exit


@app.callback()
def onrecord(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Take the options that belong to no command."""


app.command("up", epilog="Example: onrecord up --port 9000")(up.up_command)
app.command("demo", epilog="Example: onrecord demo --exit")(demo.demo_command)
app.command("import", epilog=import_files.EPILOG)(import_files.import_command)
app.command("export", epilog=export.EPILOG)(export.export_command)
app.command("show", epilog="Example: onrecord show biden talks-with-putin --as-of 2022-11-30")(
    show.show_command
)
app.command("digest", epilog=digest.EPILOG)(digest.digest_command)
app.command("erase", epilog=erase.EPILOG)(erase.erase_command)
app.command("replay", epilog="Example: onrecord replay")(replay.replay_command)
app.command("verify", epilog=verify.EPILOG)(verify.verify_command)
app.command("rebuild", epilog="Example: onrecord rebuild positions")(rebuild.rebuild_command)
app.command("migrate", epilog="Example: ONRECORD_DATABASE_URL=postgresql://... onrecord migrate")(
    migrate.migrate_command
)
app.command("backup", epilog=backup.EPILOG)(backup.backup_command)
app.command("restore", epilog=restore.EPILOG)(restore.restore_command)
app.add_typer(keys.keys_app, name="keys")
app.add_typer(log_key.log_key_app, name="log-key")
app.command("doctor", epilog="Example: onrecord doctor")(doctor.doctor_command)


if __name__ == "__main__":
    app()
