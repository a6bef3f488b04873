"""Positions that rest on a statement. Read by the page of a statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from onrecord.domain.stances import Stance
from onrecord.projections import queries
from onrecord.query.answers.serialize import label_fields
from onrecord.query.read_context import ReadContext

MAX_POSITIONS: Final = 100


@dataclass(kw_only=True)
class RestingPosition:
    """A position on record whose basis names the statement."""

    id: UUID
    actor: str
    actor_label: str
    topic: str
    topic_label: str
    stance: Stance
    condition: str | None
    effective: str


async def read_resting_positions(
    context: ReadContext, statement: UUID
) -> Sequence[RestingPosition]:
    """The positions that name a statement as their basis, at most `MAX_POSITIONS`."""
    rows = await context.rows(queries.RESTING_POSITIONS, statement=statement, limit=MAX_POSITIONS)
    fields = ("id", "actor", "topic", "stance", "condition", "effective")
    return [
        RestingPosition(**{name: row[name] for name in fields}, **label_fields(row))
        for row in rows
        if row["id"] is not None
    ]
