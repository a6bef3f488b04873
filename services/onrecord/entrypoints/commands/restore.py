"""Command `onrecord restore`: a backup into an empty database."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from onrecord.backup.archive import open_archive
from onrecord.backup.restoration import check_archive, restore_backup
from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.commands.options import DataOption, console, error_console
from onrecord.entrypoints.commands.progress import entries_progress
from onrecord.kit.settings import Settings, load_settings

EPILOG: Final = """\b
Example: onrecord restore record-2026-12-01.backup --data restored
Example: ONRECORD_DATABASE_URL=postgresql://onrecord@host/new onrecord restore record.backup

The folder is new or the database empty; nothing is ever overwritten. The server may be of
another version than that of the backup, from PostgreSQL 15 on. Before processes start, put
the files that are not in a backup into the data folder (ops/docs/backup.md), and then check
with `onrecord replay`.
"""


def restore_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="From `onrecord backup`.")],
    data: DataOption = None,
) -> None:
    """Fill an empty database from a backup.

    All of it or nothing. The schema is then brought up to date.
    """
    given = load_settings(data=data)
    with open_archive(file) as archive:
        with entries_progress("Checking", error_console, "rows") as progress:
            check_archive(archive, progress)
        with infrastructure.open_database(given, error_console.print) as filled:
            url = infrastructure.migration_url(given, filled)
            with entries_progress("Restoring", error_console, "rows") as progress:
                restore_backup(url, archive, progress)
            if given.secrets_key_file.exists():  # it is not made here: it belongs to the backup
                filled = infrastructure.with_key_of_file(given, filled)
            infrastructure.prepare_database(filled, url)
    manifest = archive.manifest
    lines = [f"The record is restored at size {manifest.size}, root {manifest.root_hash}"]
    if missing := _missing_files(given):
        lines.append(
            f"Not in a backup, and missing here: {', '.join(missing)}. Put them there before "
            "anything starts (ops/docs/backup.md)."
        )
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _missing_files(settings: Settings) -> list[str]:
    """Files of the data folder that belong to the record and that no backup has."""
    files = [settings.log_key_file, settings.kept_checkpoint_file]
    if not settings.secrets_key and not settings.database_url:
        files.insert(0, settings.secrets_key_file)
    return [str(file) for file in files if not file.exists()]
