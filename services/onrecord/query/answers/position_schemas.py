"""Response models of the read API about positions. Filled by `serialize` and `serialize_position`.

Dataclasses, as those of `schemas`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from onrecord.domain.changes import ChangeKind
from onrecord.domain.stances import Stance
from onrecord.query.answers.schemas import (
    INSTANT,
    INSTANT_OR_NULL,
    Known,
)
from onrecord.query.answers.statement_schemas import StatementOfBasis


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


Earliest = Annotated[
    str | None,
    Field(description="The first instant of the date; null for `../D`, and without a date."),
    WithJsonSchema(INSTANT_OR_NULL),
]
Latest = Annotated[
    str | None,
    Field(description="The last instant of the date; null without a date."),
    WithJsonSchema(INSTANT_OR_NULL),
]
ActorLabel = Annotated[
    str, Field(description="The actor's name at this size: the first in English, else the first.")
]
TopicLabel = Annotated[str, Field(description="The topic's label at this size.")]


@dataclass(kw_only=True)
class PossibleStance:
    """A stance that may have been the one held, where dates leave it open."""

    id: UUID | None
    stance: Stance | None
    condition: str | None
    effective: str | None
    effective_earliest: Earliest
    effective_latest: Latest
    basis: list[UUID]
    retracted_basis: RetractedBasis


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
    since_earliest: Earliest
    since_latest: Latest


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
    last_confirmed_earliest: Earliest
    last_confirmed_latest: Latest


@dataclass(kw_only=True)
class PositionOut:
    """What an actor held on a topic at a time, as known at a size.

    `id` and all that belongs to that position are null where none had begun by `as_of` in the order
    of dates.
    """

    id: UUID | None
    actor: str
    actor_label: ActorLabel
    topic: str
    topic_label: TopicLabel
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
    since_earliest: Earliest
    since_latest: Latest
    certainty: Certainty
    alternatives: Alternatives
    kind: ChangeKind | None
    change_size: int | None
    previous: Previous | None
    basis: list[UUID]
    retracted_basis: RetractedBasis
    statements: Annotated[
        list[StatementOfBasis],
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
