"""Response model of corrections and retractions, and its serialization from rows.

Dataclasses, as those of `schemas`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from onrecord.domain.event_types import EventTypeName
from onrecord.domain.names import display_name
from onrecord.domain.stances import Stance
from onrecord.kit.sql.db import Row


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


def serialize_correction(row: Row) -> Correction:
    return Correction(
        event=row["event"],
        type=row["event_type"],
        seq=row["seq"],
        subject=row["subject"],
        id=row["id"],
        actors=row["actors"],
        actor_labels=[
            display_name(names, slug)
            for names, slug in zip(row["actor_names"], row["actors"], strict=True)
        ],
        topics=row["topics"],
        topic_labels=row["topic_labels"],
        by=row["by"],
        reason=row["reason"],
        was=_content(row["was"]),
        now=_content(row["now"]),
        recorded_at=row["recorded_at"],
        recorded_by=row["recorded_by"],
    )


def _content(fields: dict[str, Any] | None) -> AmendedContent | None:
    return None if fields is None else AmendedContent(**fields)
