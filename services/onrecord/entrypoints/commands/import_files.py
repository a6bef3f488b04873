"""Command `onrecord import`: files into the write API."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from onrecord.entrypoints.commands.options import (
    NO,
    DataOption,
    UrlOption,
    api_url,
    console,
    error_console,
)
from onrecord.importing.csv_rows import COLUMNS, REQUIRED, SOURCES
from onrecord.importing.dry_run import check_files
from onrecord.importing.files import UnreadableFile, find_files
from onrecord.importing.report import DryRunSummary, ImportSummary
from onrecord.importing.run import import_files
from onrecord.kit.settings import load_settings

_OPTIONAL: Final = [name for name in COLUMNS if name not in {*REQUIRED, *SOURCES}]
EPILOG: Final = f"""\b
Example: onrecord import seeds
Example: onrecord import statements.csv.gz --dry-run

The first row of a CSV names its columns, in any order: {", ".join(REQUIRED)}, and at
least one of {", ".join(SOURCES)}; and, as you need them,
{", ".join(_OPTIONAL)}. Between two topics
stands a ; and ops/docs/importing.md says more.
"""


def import_command(
    path: Annotated[Path, typer.Argument(metavar="FILE|DIR")],
    url: UrlOption = None,
    data: DataOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every line, and record nothing.")
    ] = False,
) -> None:
    """Record the lines of a file, or of every such file in a folder in name order.

    NDJSON of batch lines (.ndjson, .jsonl) or CSV of statements (.csv), each also with .gz. Safe to
    repeat: lines that are on record stay as they are. An import that was cut goes on where it was
    when the same command is given again; the data folder keeps a note of that.
    """
    settings = load_settings(data=data)
    address, paths = api_url(settings, url), find_files(path)
    summary: ImportSummary | DryRunSummary
    try:
        if dry_run:
            summary = check_files(paths, address=address, console=console)
        else:
            summary = import_files(paths, address=address, console=console, data=settings.data)
    except UnreadableFile as error:
        error_console.print(Text(str(error), style="red"), soft_wrap=True)
        raise typer.Exit(NO) from None
    console.print(str(summary), soft_wrap=True)
    if not summary.clean:
        raise typer.Exit(NO)
