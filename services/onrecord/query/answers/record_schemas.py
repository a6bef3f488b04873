"""Response model of a position by its id. Filled by `serialize_record`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from onrecord.domain.changes import ChangeKind
from onrecord.domain.stances import Stance
from onrecord.query.answers.position_schemas import (
    ActorLabel,
    Announced,
    Earliest,
    EffectiveEarliest,
    EffectiveLatest,
    Latest,
    Previous,
    RetractedBasis,
    TopicLabel,
)
from onrecord.query.answers.schemas import ClosingEvent, Known
from onrecord.query.answers.statement_schemas import StatementOfBasis


@dataclass(kw_only=True)
class PositionRecord:
    """A position as it is recorded, whenever it was held: its last version at a size.

    What follows from its place in a timeline is null where it is retracted.
    """

    id: UUID
    status: Literal["on_record", "corrected", "retracted"]
    actor: Annotated[str, Field(description="Whom the position counts for, at this size.")]
    actor_label: ActorLabel
    recorded_as: Annotated[str, Field(description="Whom it was recorded of, perhaps merged since.")]
    topic: str
    topic_label: TopicLabel
    stance: Stance
    condition: str | None
    summary: Annotated[str | None, Field(description="Null: erased.")]
    rationale: str | None
    effective: str
    effective_earliest: EffectiveEarliest
    effective_latest: EffectiveLatest
    announced: Announced
    order: int
    since: Annotated[
        str | None, Field(description="Since when this stance and condition had been held.")
    ]
    since_earliest: Earliest
    since_latest: Latest
    kind: ChangeKind | None
    change_size: int | None
    late: Annotated[bool | None, Field(description="As in the timeline.")]
    previous: Previous | None
    basis: list[UUID]
    retracted_basis: RetractedBasis
    statements: Annotated[
        list[StatementOfBasis],
        Field(description="Those of `basis` that stand, as they stand; `status` may be corrected."),
    ]
    coder: str
    seq: Annotated[int, Field(description="The seq that made the position.")]
    event: Annotated[UUID, Field(description="The event of this version.")]
    recorded_at: datetime
    recorded_by: str
    closed: Annotated[
        ClosingEvent | None,
        Field(description="The event of the retraction, if there is one, and when it was."),
    ]
    permalink: Annotated[str, Field(description="The whole address of this answer, at its size.")]
    known: Known
