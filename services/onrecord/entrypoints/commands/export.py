"""Command `onrecord export`: the record into a folder of Parquet files."""

from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from onrecord.domain.dates import InvalidDate, last_instant
from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.commands.options import DataOption, console, error_console
from onrecord.entrypoints.commands.progress import export_progress
from onrecord.kit.settings import Settings, addresses, load_settings

if TYPE_CHECKING:
    from onrecord.exporting.run import ExportSummary

EXTRA: Final = "onrecord[parquet]"
EPILOG: Final = """\b
Example: onrecord export record
Example: onrecord export record-of-2022 --known-size 12000 --as-of 2022-12-31
Example: ONRECORD_DATABASE_URL=postgresql://replica/onrecord onrecord export record

DIR/events/ has all entries by ranges of seqs; positions, changes, statements, actors
and topics stand beside it, all at one size. Give the same folder again to add what is new:
full files of events stay as they are, unless words in them were erased since.
ops/docs/exports.md describes the columns, with examples for DuckDB and pandas.
"""


class ParquetMissing(Exception):
    """PyArrow is not installed."""

    def __str__(self) -> str:
        return f"Parquet files need PyArrow: python -m pip install '{EXTRA}'"


def _instant(text: str | None) -> datetime | None:
    try:
        return None if text is None else last_instant(text)
    except InvalidDate as error:
        raise typer.BadParameter(str(error)) from None


def export_command(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, or that of an earlier export.")
    ],
    known_size: Annotated[
        int | None,
        typer.Option(
            help="The record at this size; default: the size that all projections have reached.",
            metavar="N",
            min=0,
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="When positions were held in the world; a date is its last instant; default: now.",
            metavar="DATE",
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Write the record as Parquet files.

    For DuckDB, pandas and other tools. Safe to repeat.
    """
    instant = _instant(as_of)
    if find_spec("pyarrow") is None:
        raise ParquetMissing
    with infrastructure.open_database(load_settings(data=data), error_console.print) as settings:
        infrastructure.require_schema(settings)
        summary = run_export(settings, folder, known_size, instant, error_console)
    _print_summary(summary, folder)


def run_export(
    settings: Settings,
    folder: Path,
    known_size: int | None,
    as_of: datetime | None,
    progress_console: Console,
) -> "ExportSummary":
    """Export the record that these settings name."""
    # PyArrow is an extra: only this command needs it
    from onrecord.exporting.record import open_record
    from onrecord.exporting.run import export_record  # as above

    url, _ = addresses(settings)
    with open_record(url) as record, export_progress(progress_console) as progress:
        return export_record(record, folder, progress, known_size=known_size, as_of=as_of)


def _print_summary(summary: "ExportSummary", folder: Path) -> None:
    state = summary.state
    files = f"files of events: {summary.files_written} written, {summary.files_kept} kept"
    rows = ", ".join(f"{count} {name}" for name, count in summary.table_rows.items())
    lines = [f"{folder}: the record at size {state.size}, root {state.root_hash}", files, rows]
    if summary.files_erased:
        names = ", ".join(path.name for path in summary.files_erased)
        lines.insert(2, f"erased since the last export, so written anew: {names}")
    for line in lines:
        console.print(Text(line), soft_wrap=True)
