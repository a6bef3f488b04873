"""Which positions are on record, in whose name and words, as known when?

One row a version of a position, on two clocks: `valid_from` in the world, `open_seq` and
`close_seq` in the record. A row says what its event said; what follows from its neighbours in the
line, and from merges of actors, is in `changes`. Queried by `steps_read`.
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
from onrecord.projections.engine.versions import Versions, columns

NAME = "positions"

steps = Table(
    "steps",
    metadata,
    *columns(Uuid),
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
    """Open, close and replace versions as the events say."""
    versions = Versions(conn, steps, generation)
    versions.know({one.subject for one in page if isinstance(one.event, _AMEND)})
    for one in page:
        if isinstance(one.event, PositionChanged):
            versions.open(one.subject, one, _row(one.event))
        elif isinstance(one.event, PositionCorrected):
            versions.open(one.subject, one, _row(one.event.replacement))
        elif isinstance(one.event, PositionRetracted):
            versions.close(one.subject, one)
    versions.flush()


def stand(position: Position) -> dict[str, Any]:
    """Which stance was held on what, and from when on; `changes` has the same columns."""
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
        **stand(position),
        "actor": position.actor,
        "summary": position.summary,
        "rationale": position.rationale,
        "basis": list(position.basis),
        "coder": position.coder,
    }


_AMEND: Final = (PositionCorrected, PositionRetracted)
_HEARS: Final = (PositionChanged, *_AMEND)

POSITIONS = Projection(
    NAME, number=1, tables=(steps,), fold=fold, hears=frozenset(one.type for one in _HEARS)
)
