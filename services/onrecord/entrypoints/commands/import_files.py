"""Command `onrecord import`: files into the write API."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from onrecord.entrypoints.commands.options import (
    NO,
    DataOption,
    UrlOption,
    api_key,
    api_url,
    console,
    error_console,
)
from onrecord.importing.cells import DateOrder
from onrecord.importing.csv_rows import COLUMNS, POSITION, REQUIRED, SOURCES
from onrecord.importing.dry_run import check_files
from onrecord.importing.files import UTF_8, UnreadableFile, find_files, is_text_encoding
from onrecord.importing.report import DryRunSummary, ImportSummary
from onrecord.importing.run import import_files
from onrecord.kit.settings import load_settings
from onrecord.kit.terminal import visible

_OPTIONAL: Final = [name for name in COLUMNS if name not in {*REQUIRED, *SOURCES, *POSITION}]
EPILOG: Final = f"""\b
Example: onrecord import seeds
Example: onrecord import statements.csv.gz --dry-run

The first row of a CSV names its columns, in any order: {", ".join(REQUIRED)}, and at
least one of {", ".join(SOURCES)}; and, as you need them,
{", ".join(_OPTIONAL)}. Between two topics
stands a ; and between two columns a comma, semicolon, tab or vertical bar, which is
found by the names. Speakers and topics may be ids or any name on record. A row with a
stance records a position too, or one alone if its text is empty: {", ".join(POSITION)}.
ops/docs/importing.md says more.
"""


def _text_encoding(name: str) -> str:
    if not is_text_encoding(name):
        raise typer.BadParameter(
            f"{name!r} is no encoding of text; cp1252 and utf-16-le are, for example."
        )
    return name


def import_command(
    path: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="A file, or a folder with files.")
    ],
    url: UrlOption = None,
    data: DataOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every line, and record nothing.")
    ] = False,
    encoding: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            callback=_text_encoding,
            help="Encoding of files without a byte order mark: utf-8, cp1252 (Windows),"
            " latin-1, mac-roman, utf-16-le or any other that Python knows.",
        ),
    ] = UTF_8,
    dates: Annotated[
        DateOrder | None,
        typer.Option(
            help="Order of the numbers in dates of a CSV such as 21.02.2023: dmy (day, month,"
            " year) or mdy. Without it such a date is refused."
        ),
    ] = None,
) -> None:
    """Record the lines of NDJSON and CSV files.

    A file, or every file in a folder in name order: NDJSON of batch lines (.ndjson, .jsonl) or CSV
    of statements and positions (.csv), each also with .gz. Safe to
    repeat: lines that are on record stay as they are. An import that was cut goes on where it was
    when the same command is given again; the data folder keeps a note of that.
    """
    settings = load_settings(data=data)
    address, paths = api_url(settings, url), find_files(path)
    key = api_key(settings, url)
    summary: ImportSummary | DryRunSummary
    try:
        if dry_run:
            summary = check_files(
                paths, address=address, console=console, encoding=encoding, key=key, dates=dates
            )
        else:
            summary = import_files(
                paths,
                address=address,
                console=console,
                data=settings.data,
                encoding=encoding,
                key=key,
                dates=dates,
            )
    except UnreadableFile as error:
        error_console.print(Text(visible(str(error)), style="red"), soft_wrap=True)
        raise typer.Exit(NO) from None
    console.print(str(summary), soft_wrap=True)
    if not summary.clean:
        raise typer.Exit(NO)
