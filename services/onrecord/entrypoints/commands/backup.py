"""Command `onrecord backup`: all tables of the database into one file."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from onrecord.backup.archive import create_archive
from onrecord.backup.dump import write_backup
from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.commands.options import DataOption, console, error_console
from onrecord.entrypoints.commands.progress import entries_progress
from onrecord.kit.settings import load_settings

EPILOG: Final = """\b
Example: onrecord backup record-2026-12-01.backup
Example: ONRECORD_DATABASE_URL=postgresql://onrecord@host/onrecord onrecord backup record.backup

Everything may run on meanwhile. Where the database is not the embedded one, the user is
the one who runs `onrecord migrate`; a streaming replica will do. Keys stand in files and
are not in it: keep log.key and secrets.key apart (ops/docs/backup.md).
"""


def backup_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
    data: DataOption = None,
) -> None:
    """Write the whole database into one file.

    Entries, words and their salts, webhooks, keys, signatures, projections: as of one moment.
    """
    given = load_settings(data=data)
    with (
        create_archive(file) as archive,
        infrastructure.open_database(given, error_console.print) as filled,
        entries_progress("Copying", error_console, "rows") as progress,
    ):
        manifest = write_backup(infrastructure.migration_url(given, filled), archive, progress)
    lines = [
        f"{file}: the record at size {manifest.size}, root {manifest.root_hash}",
        f"{manifest.rows} rows of {len(manifest.tables)} tables, {file.stat().st_size} bytes. "
        "It has words, salts and digests of keys: keep it as secret as the database.",
    ]
    for line in lines:
        console.print(Text(line), soft_wrap=True)
