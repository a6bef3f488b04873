"""The projection of positions: one row a version of a position, on two clocks.

`valid_from` is in the world, `open_seq` and `close_seq` in the ledger. A row has what its event
says; what follows from its neighbours in the line, and from merges of actors, is in `changes`.
Queried by `steps_read`.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Column, Connection, DateTime, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from onrecord.domain.dates import bounds
from onrecord.domain.event import RecordedEvent
from onrecord.domain.events import PositionChanged, PositionCorrected, PositionRetracted
from onrecord.domain.position import Position
from onrecord.projections.engine.projection import Projection, metadata
from onrecord.projections.engine.versions import VersionedTable, version_columns

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
)


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    """Insert and close versions of positions."""
    versions = VersionedTable(conn, steps, generation)
    versions.load_made_seqs(
        {
            entry.subject
            for entry in page
            if isinstance(entry.event, PositionCorrected | PositionRetracted)
        }
    )
    for entry in page:
        if isinstance(entry.event, PositionChanged):
            versions.insert(entry.subject, entry, _row(entry.event))
        elif isinstance(entry.event, PositionCorrected):
            versions.insert(entry.subject, entry, _row(entry.event.replacement))
        elif isinstance(entry.event, PositionRetracted):
            versions.close(entry.subject, entry)
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


_EVENTS: Final = (PositionChanged, PositionCorrected, PositionRetracted)

POSITIONS = Projection(
    NAME,
    fold_number=1,
    tables=(steps,),
    fold=fold,
    event_types=frozenset(event.type for event in _EVENTS),
)
