"""Response models of steps: in timelines and changes, in lists of positions, and their versions.

Filled by `serialize` and `serialize_position`. Dataclasses, as those of `schemas`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from onrecord.domain.changes import ChangeKind
from onrecord.domain.stances import Stance
from onrecord.query.answers.position_schemas import (
    ActorLabel,
    Alternatives,
    Announced,
    Certainty,
    Earliest,
    EffectiveEarliest,
    EffectiveLatest,
    Latest,
    PossibleStance,
    Previous,
    RetractedBasis,
    TopicLabel,
)
from onrecord.query.answers.schemas import ClosingEvent, OpeningEvent


@dataclass(kw_only=True)
class Step:
    """A step of a timeline."""

    id: UUID
    actor: Annotated[str, Field(description="Whom the step counts for, at this size.")]
    actor_label: ActorLabel
    recorded_as: Annotated[str, Field(description="Whom it was recorded of, perhaps merged since.")]
    topic: str
    topic_label: TopicLabel
    stance: Stance
    condition: str | None
    summary: str | None
    effective: str
    effective_earliest: EffectiveEarliest
    effective_latest: EffectiveLatest
    announced: Announced
    since: Annotated[str, Field(description="Since when this stance and condition had been held.")]
    since_earliest: Earliest
    since_latest: Latest
    certainty: Annotated[
        Literal["definite", "possible"],
        Field(
            description="`possible` if the date overlaps that of another step, or inexact dates "
            "leave open which stance and condition came before: then `kind`, `previous` and "
            "`since` may be others. Else `definite`."
        ),
    ]
    alternatives: Annotated[
        list[PossibleStance] | None,
        Field(
            description="What else may have come just before the step, in place of `previous`; one "
            "with a null `id` says that perhaps nothing did. Empty if `definite`, and where dates "
            "overlap but only `previous` may have come before. Null if they are too many to list: "
            "50 steps or more of the timeline have dates that overlap the step's, or may have come "
            "just before it."
        ),
    ]
    order: int
    kind: ChangeKind
    change_size: int | None
    late: Annotated[
        bool,
        Field(
            description="By its last own event it came before a step on record that had begun "
            "by then."
        ),
    ]
    previous: Previous | None
    basis: list[UUID]
    retracted_basis: RetractedBasis
    coder: str
    seq: Annotated[int, Field(description="The seq that made the position.")]
    recorded_at: datetime
    recorded_by: str


@dataclass(kw_only=True)
class ListedPosition:
    """What an actor held on a topic at a time, in a list. It agrees with the answer about the pair.

    `id` and all that belongs to that position are null where none had begun by the time in the
    order of dates, but one of `alternatives` may have.
    """

    id: UUID | None
    actor: Annotated[str, Field(description="Whom the position counts for, at this size.")]
    actor_label: ActorLabel
    recorded_as: Annotated[
        str | None, Field(description="Whom it was recorded of, perhaps merged since.")
    ]
    topic: str
    topic_label: TopicLabel
    stance: Stance | None
    condition: str | None
    summary: str | None
    effective: str | None
    effective_earliest: EffectiveEarliest
    effective_latest: EffectiveLatest | None
    announced: Announced | None
    since: Annotated[
        str | None, Field(description="Since when this stance and condition have been held.")
    ]
    since_earliest: Earliest
    since_latest: Latest
    certainty: Certainty
    alternatives: Alternatives
    order: int | None
    kind: ChangeKind | None
    change_size: int | None
    late: Annotated[bool | None, Field(description="As in the timeline.")]
    previous: Previous | None
    basis: list[UUID]
    retracted_basis: RetractedBasis
    coder: str | None
    seq: Annotated[int | None, Field(description="The seq that made the position.")]
    recorded_at: datetime | None
    recorded_by: str | None


@dataclass(kw_only=True)
class VersionOfStep:
    """One version of a step: what was believed of it, from one entry to another."""

    id: UUID
    actor: Annotated[str, Field(description="Whom it was recorded of, perhaps merged since.")]
    actor_label: ActorLabel
    topic: str
    topic_label: TopicLabel
    stance: Stance
    condition: str | None
    summary: str | None
    effective: str
    effective_earliest: EffectiveEarliest
    effective_latest: EffectiveLatest
    announced: Announced
    order: int
    basis: list[UUID]
    retracted_basis: RetractedBasis
    coder: str
    known_from_size: Annotated[int, Field(description="The first size at which this was believed.")]
    known_until_size: Annotated[
        int | None, Field(description="The last one; null: still believed.")
    ]
    opened: Annotated[OpeningEvent, Field(description="By which event, and when.")]
    closed: Annotated[
        ClosingEvent | None, Field(description="By which event, and when; null: still believed.")
    ]
