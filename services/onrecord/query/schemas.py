"""Response models of the read API: dataclasses, so that OpenAPI describes every field.

Filled by `serialize`. They are not validated at run time, as they are made of rows of our own
tables; `responses` writes them as JSON.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from onrecord.domain.changes import ChangeKind
from onrecord.domain.stances import Stance
from onrecord.projections.review import FindingKind

ItemT = TypeVar("ItemT")


@dataclass(kw_only=True)
class Known:
    """The state of the record that an answer is about."""

    size: int
    at: Annotated[
        datetime | None, Field(description="When the newest entry among them was recorded.")
    ]
    provisional: Annotated[
        bool, Field(description="The record may still gain entries of before `known_at`.")
    ]


class Listed(BaseModel, Generic[ItemT]):
    """A page. `next` is the cursor of the next one, also in the `Link` header."""

    items: list[ItemT]
    next: str | None
    known: Known


@dataclass(kw_only=True)
class Version:
    """The event by which a row came on record."""

    recorded_at: datetime
    recorded_by: str
    event: UUID


@dataclass(kw_only=True)
class Actor(Version):
    id: str
    kind: str
    names: list[dict[str, str]]
    identifiers: dict[str, str]
    merged_into: Annotated[
        str | None, Field(description="The actor that reads of positions mean instead.")
    ]


@dataclass(kw_only=True)
class Topic(Version):
    id: str
    label: str | None
    proposition: str | None
    broader: str | None


@dataclass(kw_only=True)
class ActorAnswer(Actor):
    known: Known


@dataclass(kw_only=True)
class TopicAnswer(Topic):
    known: Known


@dataclass(kw_only=True)
class StatementOut(Version):
    """A statement as the record has it. Words that were erased are missing."""

    __pydantic_config__ = ConfigDict(extra="allow")

    id: UUID
    status: Literal["on_record", "corrected", "retracted"]
    closed: Annotated[
        dict[str, Any] | None, Field(description="The retraction, if there is one.")
    ] = None
    erased: Annotated[
        dict[str, str | None],
        Field(
            description="Sections of which the words are gone: the ground, as soon as it is folded."
        ),
    ]


@dataclass(kw_only=True)
class StatementAnswer(StatementOut):
    known: Known


@dataclass(kw_only=True)
class PossibleStance:
    """A stance that may have been the one held, where dates leave it open."""

    id: UUID | None
    stance: Stance | None
    condition: str | None
    effective: str | None


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
            "accounts aside."
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
    since: Annotated[
        str | None, Field(description="Since when this stance and condition have been held.")
    ]
    certainty: Certainty
    alternatives: Alternatives
    kind: ChangeKind | None
    change_size: int | None
    previous: Previous | None
    basis: list[UUID]
    statements: list[dict[str, Any]]
    evidence: Strength
    revision: Annotated[
        int,
        Field(
            description="What `expected_revision` is held against: events of this topic recorded "
            "of `actor` itself, not of those merged into it."
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
    since: Annotated[str, Field(description="Since when this stance and condition had been held.")]
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
    coder: str
    seq: Annotated[int, Field(description="The seq that made the position.")]
    recorded_at: datetime
    recorded_by: str


@dataclass(kw_only=True)
class VersionOfStep:
    """One version of a step: what was believed of it, from one entry to another."""

    id: UUID
    actor: Annotated[str, Field(description="Whom it was recorded of, perhaps merged since.")]
    stance: Stance
    condition: str | None
    summary: str | None
    effective: str
    order: int
    basis: list[UUID]
    coder: str
    known_from_size: Annotated[int, Field(description="The first size at which this was believed.")]
    known_until_size: Annotated[
        int | None, Field(description="The last one; null: still believed.")
    ]
    opened: dict[str, Any]
    closed: dict[str, Any] | None


@dataclass(kw_only=True)
class Review:
    """Something on record that asks to be looked at; it goes with the event that resolves it."""

    kind: FindingKind
    message: Annotated[str, Field(description="What it is, and what resolves it.")]
    statement: UUID
    position: UUID | None
    actor: str | None
    topic: str | None
    said: Annotated[Stance | None, Field(description="What the coder read in the statement.")]
    held: Annotated[Stance | None, Field(description="What the position says.")]
    other: Annotated[UUID | None, Field(description="The earlier statement with the same words.")]
    seq: Annotated[int, Field(description="The seq that made the statement.")]
    resolve: Annotated[list[str], Field(description="Addresses to POST the resolving event to.")]
