"""The files of events: which range of seqs each holds, which must be written, and their rows.

Used by `run`. A file is named by its range. Until that is full, it is replaced by longer ones of
the same name, so that no two files hold one event. Its bytes depend on the entries and on what is
erased of them only: a footer counts the sections that the file shows as erased, and a file is
written anew where the ledger has erased more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from onrecord.domain.event_types import stored_subject
from onrecord.domain.payload import merge_payload
from onrecord.exporting.columns import SCHEMA_VERSION
from onrecord.exporting.errors import UnusableFolder
from onrecord.exporting.parquet_files import Footer, Rows
from onrecord.exporting.record import Record
from onrecord.kit.sql.sql_files import load_query

EVENTS_PER_FILE: Final = 65_536
"""A perfect subtree of the ledger's Merkle tree, and a whole tile of level 2 of C2SP tlog-tiles."""
PAGE: Final = 1_000
"""Entries read at a time."""

_EVENTS: Final = load_query("exporting/queries/events.sql")
_ERASED_SECTIONS: Final = load_query("exporting/queries/erased_sections.sql")


@dataclass(frozen=True)
class EventFile:
    """A file to write: entries `start` to `stop` - 1."""

    path: Path
    start: int
    stop: int
    reason: Literal["new", "grown", "erased", "schema"]


def event_path(folder: Path, number: int) -> Path:
    """The file of a range, named by its first and its last seq."""
    first = number * EVENTS_PER_FILE
    return folder / f"{first:012}-{first + EVENTS_PER_FILE - 1:012}.parquet"


def plan_event_files(
    record: Record, folder: Path, footers: Mapping[Path, Footer], size: int
) -> list[EventFile]:
    """The files to write so that the folder holds all entries up to `size`, and no erased words.

    A file that holds later entries keeps them. Raises `UnusableFolder` where a file is of another
    ledger.
    """
    erased = erased_sections(record)
    known = {event_path(folder, number): number for number in range(-(-size // EVENTS_PER_FILE))}
    known |= {path: _first_seq(path) // EVENTS_PER_FILE for path in footers}
    planned = []
    for path, number in sorted(known.items(), key=lambda item: item[1]):
        start = number * EVENTS_PER_FILE
        stop = min(size, start + EVENTS_PER_FILE)
        footer = footers.get(path)
        if footer is None:
            planned.append(EventFile(path, start, stop, "new"))
            continue
        written = int(footer["size"])
        if footer["root_hash"] != record.state_at(written).root_hash:
            raise UnusableFolder(
                path, "holds entries that this ledger does not have (yet, if it is a replica)"
            )
        stop = max(stop, written)
        if footer["schema_version"] != str(SCHEMA_VERSION):
            planned.append(EventFile(path, start, stop, "schema"))
        elif int(footer["erased_sections"]) != erased.get(number, 0):
            planned.append(EventFile(path, start, stop, "erased"))
        elif stop > written:
            planned.append(EventFile(path, start, stop, "grown"))
    return planned


def erased_sections(record: Record) -> dict[int, int]:
    """The number of erased sections by the number of the range."""
    rows = record.rows(_ERASED_SECTIONS, per_file=EVENTS_PER_FILE)
    return {row["number"]: row["sections"] for row in rows}


def _first_seq(path: Path) -> int:
    first = path.name.partition("-")[0]
    if not first.isdecimal() or path != event_path(path.parent, int(first) // EVENTS_PER_FILE):
        raise UnusableFolder(path, "has no name of a range of events")
    return int(first)


def event_pages(record: Record, file: EventFile, footer: Footer) -> Iterator[Rows]:
    """The rows of a file, page by page; counts what is erased in its footer."""
    next_seq, erased = file.start, 0
    while next_seq < file.stop:
        rows = record.rows(_EVENTS, start=next_seq, stop=file.stop, limit=PAGE)
        page = [_event_row(row) for row in rows]
        erased += sum(len(row["erased"]) for row in page)
        next_seq = rows[-1]["seq"] + 1
        footer["erased_sections"] = str(erased)
        yield page


def _event_row(row: Mapping[str, Any]) -> dict[str, Any]:
    entry = orjson.loads(row["entry"])
    sections = row["sections"] or []
    whole = merge_payload(entry["data"], *(orjson.loads(item["value"]) for item in sections))
    kind, subject = stored_subject(entry["type"], entry["version"], entry["data"], entry["id"])
    return {
        "seq": row["seq"],
        "id": entry["id"],
        "type": entry["type"],
        "version": entry["version"],
        "recorded_at": datetime.fromisoformat(entry["recorded_at"]),
        "recorded_by": entry["recorded_by"],
        "subject_kind": kind,
        "subject": subject,
        "actors": entry["touches"]["actors"],
        "topics": entry["touches"]["topics"],
        "event": orjson.dumps(whole).decode(),
        "erased": row["grounds"] or [],
        "payload": [{**item, "salt": bytes.fromhex(item["salt"])} for item in sections],
        "entry": row["entry"],
        "leaf_hash": row["leaf_hash"],
    }
