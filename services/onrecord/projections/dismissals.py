"""The projection of dismissals: findings of the review that are left as they are.

One row a dismissal, open until something that its finding is about changes. Queried by `review`.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, Connection, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from onrecord.domain.event import RecordedEvent
from onrecord.domain.event_types import event_types_about
from onrecord.domain.events import (
    FindingDismissed,
    PayloadErased,
    PositionChanged,
    StatementMade,
    changes_findings,
)
from onrecord.projections.engine.projection import (
    Projection,
    fold_sql,
    metadata,
    psycopg_connection,
)
from onrecord.projections.engine.versions import VersionedTable, version_columns

NAME: Final = "dismissals"

dismissals = Table(
    "dismissals",
    metadata,
    *version_columns(Uuid),
    Column("kind", Text, nullable=False),
    Column("certainty", Text, nullable=False),
    Column("statements", ARRAY(Uuid), nullable=False),
    Column("position", Uuid),
    Column("about", ARRAY(Uuid), nullable=False),
    Column("erased", Text),
    Index("dismissals_about", "about", postgresql_using="gin"),
)
"""`about`: the statements and the position. `erased`: the ground on which the reason was erased."""


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    """Insert dismissals; close those whose finding may have changed; remove erased reasons."""
    versions = VersionedTable(conn, dismissals, generation)
    changed = {entry.subject for entry in page if changes_findings(entry.event)}
    made_seqs, open_about = _open_dismissals(conn, generation, changed)
    versions.set_made_seqs(made_seqs)
    closed: set[UUID] = set()
    for entry in page:
        event = entry.event
        if type(event) is FindingDismissed:
            versions.insert(entry.id, entry, _row(event))
            for id_ in event.about:
                open_about[id_].append(entry.id)
        elif type(event) is PayloadErased and "reason" in event.sections:
            versions.flush()
            _erase_reasons(conn, generation, event)
        if changes_findings(event):
            for dismissal in open_about.pop(entry.subject, ()):
                if dismissal not in closed:
                    versions.close(dismissal, entry)
                    closed.add(dismissal)
    versions.flush()


def _row(event: FindingDismissed) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "certainty": event.certainty,
        "statements": list(event.statements),
        "position": event.position,
        "about": list(event.about),
        "reason": event.reason,
        "erased": None,
    }


def _open_dismissals(
    conn: Connection, generation: int, changed: Collection[UUID]
) -> tuple[dict[UUID, int], defaultdict[UUID, list[UUID]]]:
    """Open dismissals about any of these: the seq that made each, and those about each thing."""
    made_seqs: dict[UUID, int] = {}
    open_about: defaultdict[UUID, list[UUID]] = defaultdict(list)
    if changed:
        params = {"generation": generation, "changed": list(changed)}
        rows = psycopg_connection(conn).execute(fold_sql(conn, _OPEN), params)
        for dismissal, made_seq, about in rows:
            made_seqs[dismissal] = made_seq
            for id_ in about:
                open_about[id_].append(dismissal)
    return made_seqs, open_about


def _erase_reasons(conn: Connection, generation: int, erasure: PayloadErased) -> None:
    """Remove the reasons of dismissals about a statement, and of the events that ended them."""
    params = {"generation": generation, "target": erasure.target, "ground": erasure.ground}
    psycopg_connection(conn).execute(fold_sql(conn, _ERASE), params)


_OPEN: Final = """
SELECT id, made_seq, about FROM projections.dismissals
WHERE about && %(changed)b::uuid[] AND generation = %(generation)s::integer
    AND close_seq = 9223372036854775807  -- NEVER
ORDER BY open_seq
"""
_ERASE: Final = """
UPDATE projections.dismissals
SET reason = NULL, close_reason = NULL, erased = coalesce(erased, %(ground)s::text)
WHERE about @> ARRAY[%(target)s::uuid] AND generation = %(generation)s::integer
"""

DISMISSALS = Projection(
    NAME,
    fold_number=1,
    tables=(dismissals,),
    fold=fold,
    event_types=event_types_about("dismissal", "statement", "position")
    - {StatementMade.type, PositionChanged.type},
    splittable=False,  # a dismissal ends with events about other things
)
