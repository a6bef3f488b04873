"""Response model of corrections and retractions. Filled by `serialize_correction`.

Dataclasses, as those of `schemas`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from onrecord.domain.event_types import EventTypeName
from onrecord.domain.stances import Stance


@dataclass(kw_only=True)
class AmendedContent:
    """What stood on record before a correction, or stands since."""

    words: Annotated[
        str | None,
        Field(description="Of a statement its text, of a position its summary. Null: erased."),
    ]
    date: Annotated[str, Field(description="When it was said, or became effective.")]
    stance: Annotated[Stance | None, Field(description="Null for a statement.")]
    condition: str | None


@dataclass(kw_only=True)
class Correction:
    """A correction or retraction: the record was wrong, or its source; nobody changed position."""

    event: UUID
    type: EventTypeName
    seq: int
    subject: Literal["statement", "position"]
    id: Annotated[UUID, Field(description="Of the statement or position.")]
    actors: Annotated[list[str], Field(description="The speakers, or who held the position.")]
    actor_labels: list[str]
    topics: list[str]
    topic_labels: list[str]
    by: Annotated[str | None, Field(description="Who was wrong: `us`, `outlet` or `speaker`.")]
    reason: Annotated[str | None, Field(description="Null: erased.")]
    was: AmendedContent | None
    now: Annotated[AmendedContent | None, Field(description="Null: retracted.")]
    recorded_at: datetime
    recorded_by: str
