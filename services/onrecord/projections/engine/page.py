"""Folding one page of the ledger: the only function that calls the folds of projections.

Called by `catch_up_all` (all projections together), by `catch_up` (one checkpoint, also of a
rebuild) and by the audit's replay.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from onrecord.ledger.follow import WHOLE_LEDGER, LedgerPart, read_commits, read_entries
from onrecord.projections.engine.projection import Projection, psycopg_connection


def fold_page(
    conn: Connection,
    targets: Sequence[tuple[Projection, int]],
    start: int,
    end: int,
    *,
    part: LedgerPart = WHOLE_LEDGER,
) -> None:
    """Fold the entries from seq `start` to `end` - 1 for each projection, into its generation.

    Each entry is read once, whichever projections fold it. They fold in the order given: a
    projection that reads another's rows comes after it.
    """
    wire = psycopg_connection(conn)
    types = {type_ for projection, _ in targets for type_ in projection.event_types or ()}
    entries = read_entries(wire, start, end, types, part=part) if types else []
    for projection, generation in targets:
        page: Sequence[Any]
        if projection.event_types is None:
            page = read_commits(wire, start, end)
        else:
            page = [entry for entry in entries if entry.event.type in projection.event_types]
        if page:
            projection.fold(conn, generation, page)
