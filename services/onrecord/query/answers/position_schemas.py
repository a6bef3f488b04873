"""Response models of the read API about positions. Filled by `serialize` and `serialize_position`.

Dataclasses, as those of `schemas`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from onrecord.domain.changes import ChangeKind
from onrecord.domain.stances import Stance
from onrecord.query.answers.schemas import INSTANT, INSTANT_OR_NULL, Known


@dataclass(kw_only=True)
class RetractedStatement:
    """A statement that a position rests on, and the event by which it was retracted."""

    id: UUID
    event: UUID
    seq: int
    by: str
    reason: Annotated[str | None, Field(description="Null: erased.")]
    recorded_at: datetime
    recorded_by: str


RetractedBasis = Annotated[
    list[RetractedStatement],
    Field(description="Statements of `basis` that are retracted: the position rests on the others"),
]


@dataclass(kw_only=True)
class PossibleStance:
    """A stance that may have been the one held, where dates leave it open."""

    id: UUID | None
    stance: Stance | None
    condition: str | None
    effective: str | None


EffectiveEarliest = Annotated[
    str | None,
    Field(description="The first instant of `effective`; null for `../D`: no beginning is known."),
    WithJsonSchema(INSTANT_OR_NULL),
]
EffectiveLatest = Annotated[str, Field(description="Its last instant."), WithJsonSchema(INSTANT)]
Announced = Annotated[
    bool,
    Field(
        description="Its own last event was recorded ahead of its date. Until `effective_earliest`"
        " it is not held."
    ),
]
Certainty = Annotated[
    Literal["definite", "possible"],
    Field(
        description="`definite` if every order that inexact dates allow gives this stance and "
        "condition at `as_of`, else `possible`."
    ),
]
Alternatives = Annotated[
    list[PossibleStance],
    Field(
        description="What else may have been held, empty if `definite`. One with a null `id` says "
        "that none may have been held yet; where the answer's own `id` is null, it says so itself."
    ),
]


@dataclass(kw_only=True)
class Previous:
    id: UUID
    stance: Stance
    since: str


@dataclass(kw_only=True)
class Strength:
    """What a position rests on, counted over the statements of its basis that stand."""

    utterances: Annotated[int, Field(description="Reports of one utterance count once.")]
    first_hand: Annotated[
        int, Field(description="Statements whose source is the utterance itself.")
    ]
    reported: Annotated[int, Field(description="Statements that came through other hands.")]
    embedded: Annotated[
        int, Field(description="Accounts by somebody else, which are never first-hand.")
    ]
    outlets: int
    last_confirmed: Annotated[
        str | None,
        Field(
            description="The date of the last one that may have been said by `as_of`, "
            "accounts aside. Of inexact dates the one that begins last, and of those that begin "
            "together the one that ends last: 2022-06-15, not 2022-06, which may be before it."
        ),
    ]


@dataclass(kw_only=True)
class PositionOut:
    """What an actor held on a topic at a time, as known at a size.

    `id` and all that belongs to that position are null where none had begun by `as_of` in the order
    of dates.
    """

    id: UUID | None
    actor: str
    topic: str
    as_of: str
    known: Known
    on_record: Annotated[
        bool,
        Field(
            description="Whether a position on record is, or may be, the one held. If `id` is null "
            "then, one of `alternatives` may be, and it is not certain that any was."
        ),
    ]
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
    certainty: Certainty
    alternatives: Alternatives
    kind: ChangeKind | None
    change_size: int | None
    previous: Previous | None
    basis: list[UUID]
    retracted_basis: RetractedBasis
    statements: Annotated[
        list[dict[str, Any]],
        Field(description="Those of `basis` that stand, as they stand; `status` may be corrected."),
    ]
    evidence: Strength
    revision: Annotated[
        int,
        Field(
            description="What `expected_revision` of a position of `revision_of` is compared with: "
            "the number of events on this topic that were recorded of that actor itself."
        ),
    ]
    revision_of: Annotated[
        str,
        Field(
            description="Whose events `revision` counts: those of `actor`, and not of the actors "
            "merged into it, each of whom has a revision of its own."
        ),
    ]
    coder: str | None
    recorded_by: str | None
    recorded_at: datetime | None
    permalink: Annotated[
        str, Field(description="The whole address of this answer, with both of its clocks.")
    ]
    cite: Annotated[
        str,
        Field(
            description="A sentence to cite, with dates in words and the permalink. It says so "
            "where the position is only possible, and where none is on record."
        ),
    ]


@dataclass(kw_only=True)
class Step:
    """A step of a timeline."""

    id: UUID
    actor: Annotated[str, Field(description="Whom the step counts for, at this size.")]
    recorded_as: Annotated[str, Field(description="Whom it was recorded of, perhaps merged since.")]
    topic: str
    stance: Stance
    condition: str | None
    summary: str | None
    effective: str
    effective_earliest: EffectiveEarliest
    effective_latest: EffectiveLatest
    announced: Announced
    since: Annotated[str, Field(description="Since when this stance and condition had been held.")]
    certainty: Annotated[
        Literal["definite", "possible"],
        Field(
            description="`possible` if the date overlaps that of another step, or inexact dates "
            "leave open which stance and condition came before: then `kind`, `previous` and "
            "`since` may be others. Else `definite`."
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
    recorded_as: Annotated[
        str | None, Field(description="Whom it was recorded of, perhaps merged since.")
    ]
    topic: str
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
    opened: Annotated[dict[str, Any], Field(description="By which event, and when.")]
    closed: Annotated[
        dict[str, Any] | None, Field(description="By which event, and when; null: still believed.")
    ]
