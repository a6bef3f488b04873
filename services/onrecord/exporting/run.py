"""The export of the record into a folder of Parquet files, as `onrecord export` runs it.

Events first, each file as soon as it is whole; then the tables at one size, which get their names
together at the end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from onrecord.domain.dates import format_instant
from onrecord.exporting.columns import EVENTS_SCHEMA, SCHEMA_VERSION, TABLE_SCHEMAS
from onrecord.exporting.errors import SizeNotReached, UnusableFolder
from onrecord.exporting.events import event_pages, plan_event_files
from onrecord.exporting.parquet_files import (
    Footer,
    Rows,
    locked_folder,
    publish,
    read_footer,
    remove_temporary_files,
    write_parquet,
)
from onrecord.exporting.record import Record, RecordState
from onrecord.exporting.tables import TABLE_PAGES, RecordAtSize


class ExportProgress(Protocol):
    """Takes what is written, how much of it so far, and how much there will be, if known."""

    def __call__(self, name: str, done: int, total: int | None = None) -> None: ...


@dataclass
class ExportSummary:
    """What an export wrote."""

    state: RecordState
    files_kept: int = 0
    files_written: int = 0
    files_erased: list[Path] = field(default_factory=list)
    """Files of events that were written anew as words in them had been erased since."""
    table_rows: dict[str, int] = field(default_factory=dict)


def export_record(
    record: Record,
    folder: Path,
    progress: ExportProgress,
    *,
    known_size: int | None = None,
    as_of: datetime | None = None,
) -> ExportSummary:
    """Export the record at a size, or at the size that all projections have reached.

    Raises `SizeNotReached`, `FolderInUse` and `UnusableFolder`.
    """
    reached = record.reached_size()
    if known_size is not None and known_size > reached:
        raise SizeNotReached(known_size, reached)
    state = record.state_at(reached if known_size is None else known_size)
    with locked_folder(folder):
        events_folder = folder / "events"
        events_folder.mkdir(exist_ok=True)
        footers = _read_footers(folder, events_folder, state.source)
        remove_temporary_files(folder, events_folder)
        summary = ExportSummary(state)
        _export_events(record, events_folder, footers, summary, progress)
        at = RecordAtSize(record, state.size, as_of or datetime.now(UTC))
        _export_tables(at, folder, summary, progress)
    return summary


def _read_footers(folder: Path, events_folder: Path, source: str) -> dict[Path, Footer]:
    """The footers of the files of events; no Parquet file here may be of another installation."""
    paths = {*events_folder.glob("*.parquet"), *folder.glob("*.parquet")}
    footers = {path: read_footer(path) for path in sorted(paths)}
    for path, footer in footers.items():
        if footer.get("source") != source:
            of = footer.get("source", "no onrecord")
            raise UnusableFolder(path, f"is of {of}, and not of {source}")
    return {path: footer for path, footer in footers.items() if path.parent == events_folder}


def _export_events(
    record: Record,
    folder: Path,
    footers: Mapping[Path, Footer],
    summary: ExportSummary,
    progress: ExportProgress,
) -> None:
    planned = plan_event_files(record, folder, footers, summary.state.size)
    total = sum(file.stop - file.start for file in planned)
    done = 0
    progress("events", done, total)
    for file in planned:
        state = record.state_at(file.stop)
        footer = {**_footer(state), "first_seq": str(file.start), "erased_sections": "0"}
        pages = _counted(event_pages(record, file, footer), "events", done, total, progress)
        write_parquet(file.path, EVENTS_SCHEMA, pages, footer)
        publish([file.path])
        done += file.stop - file.start
        summary.files_written += 1
        if file.reason == "erased":
            summary.files_erased.append(file.path)
    summary.files_kept = len(footers.keys() - {file.path for file in planned})


def _export_tables(
    at: RecordAtSize, folder: Path, summary: ExportSummary, progress: ExportProgress
) -> None:
    paths = {name: folder / f"{name}.parquet" for name in TABLE_SCHEMAS}
    try:
        for name, schema in TABLE_SCHEMAS.items():
            footer = _footer(summary.state)
            if name == "positions":
                footer["as_of"] = format_instant(at.as_of)
            pages = _counted(TABLE_PAGES[name](at), name, 0, None, progress)
            summary.table_rows[name] = write_parquet(paths[name], schema, pages, footer)
            progress(name, summary.table_rows[name], summary.table_rows[name])
        publish(paths.values())
    finally:
        remove_temporary_files(folder)


def _footer(state: RecordState) -> Footer:
    footer = {
        "source": state.source,
        "size": str(state.size),
        "root_hash": state.root_hash,
        "schema_version": str(SCHEMA_VERSION),
    }
    if state.recorded_at:
        footer["known_at"] = format_instant(state.recorded_at)
    return footer


def _counted(
    pages: Iterator[Rows], name: str, done: int, total: int | None, progress: ExportProgress
) -> Iterator[Rows]:
    """The pages; tells the progress after each."""
    for page in pages:
        yield page
        done += len(page)
        progress(name, done, total)
