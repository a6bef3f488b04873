"""The projection of positions: one row a version of a position, on two clocks.

`valid_from` is in the world, `open_seq` and `close_seq` in the ledger. A row has what its event
says; what follows from its neighbours in the timeline, and from merges of actors, is in `changes`.
Queried by `queries`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from onrecord.domain.dates import bounds
from onrecord.domain.event import RecordedEvent
from onrecord.domain.event_types import event_types_about
from onrecord.domain.events import PositionCorrected, PositionRetracted, position_after
from onrecord.domain.position import Position
from onrecord.projections.engine.projection import Projection, metadata
from onrecord.projections.engine.versions import VersionedTable, recorded_index, version_columns

NAME = "positions"

steps = Table(
    "steps",
    metadata,
    *version_columns(Uuid),
    Column("actor", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("valid_from", DateTime(timezone=True), nullable=False),
    Column("ord", Integer, nullable=False),
    Column("earliest", DateTime(timezone=True), nullable=False),
    Column("latest", DateTime(timezone=True), nullable=False),
    Column("effective", Text, nullable=False),
    Column("stance", Text, nullable=False),
    Column("condition", Text),
    Column("summary", Text),
    Column("rationale", Text),
    Column("basis", ARRAY(Uuid), nullable=False),
    Column("coder", Text, nullable=False),
    Index("steps_of_pair", "generation", "actor", "topic", "open_seq", "close_seq"),
    Index("steps_basis", "basis", postgresql_using="gin"),
    Index(
        "steps_corrected",
        *("generation", "open_seq"),
        postgresql_where=text(f"event_type = '{PositionCorrected.type}'"),
    ),
    Index(
        "steps_retracted",
        *("generation", "close_seq"),
        postgresql_where=text(f"close_type = '{PositionRetracted.type}'"),
    ),
    recorded_index("steps"),
)


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    """Insert and close versions of positions."""
    versions = VersionedTable(conn, steps, generation)
    versions.load_made_seqs({entry.subject for entry in page if entry.event.amends})
    for entry in page:
        position = position_after(entry.event)
        if position is None:
            versions.close(entry.subject, entry)
        else:
            versions.insert(entry.subject, entry, _row(position))
    versions.flush()


def stance_columns(position: Position) -> dict[str, Any]:
    """The stance, on what, and from when on; `changes` has the same columns."""
    when = bounds(position.effective)
    return {
        "topic": position.topic,
        "valid_from": when.sorts_at,
        "ord": position.order,
        "earliest": when.earliest,
        "latest": when.latest,
        "effective": position.effective,
        "stance": position.stance,
        "condition": position.condition,
    }


def _row(position: Position) -> dict[str, Any]:
    return {
        **stance_columns(position),
        "actor": position.actor,
        "summary": position.summary,
        "rationale": position.rationale,
        "basis": list(position.basis),
        "coder": position.coder,
    }


POSITIONS = Projection(
    NAME,
    fold_number=1,
    tables=(steps,),
    fold=fold,
    event_types=event_types_about("position"),
)
