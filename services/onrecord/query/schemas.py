"""What does a reader ask with, and in what shape is the answer?

Parameters as models that refuse what they do not know; answers as models, so that OpenAPI says
every field. Called by `routes`, filled by `shape`.
"""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from onrecord.domain.dates import last_instant
from onrecord.domain.ids import Slug
from onrecord.domain.positions import ChangeKind
from onrecord.domain.stances import Stance
from onrecord.projections.review_read import Finding

Item = TypeVar("Item")
Size = Annotated[int | None, Field(ge=0, lt=2**53)]


def _moment(text: str) -> str:
    last_instant(text)
    return text


Moment = Annotated[
    str | None,
    AfterValidator(lambda text: text if text is None else _moment(text)),
    WithJsonSchema({"type": "string", "examples": ["2022-11-30", "2022", "2022-12-01T12:00:00Z"]}),
]


class AtSize(BaseModel):
    """Which state of the record a read is about."""

    model_config = ConfigDict(extra="forbid")

    known_at: Moment = Field(
        None, description="As the record stood then; a date is its last instant."
    )
    known_size: Size = Field(None, description="As the record stood at this size: exact; wins.")
    min_size: Size = Field(None, description="Wait until the record read has reached this size.")


class AsOf(AtSize):
    as_of: Moment = Field(None, description="When it was so in the world; default now.")


class Paged(AtSize):
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, max_length=500)


class PagedAsOf(Paged):
    as_of: Moment = Field(None, description="When it was so in the world; default now.")


class Search(Paged):
    q: str | None = Field(None, min_length=1, max_length=500, pattern=r"^[^\x00]*$")


class StatementSearch(Search):
    actor: Slug | None = None
    topic: Slug | None = None
    outlet: str | None = Field(None, min_length=1, max_length=500, pattern=r"^[^\x00]*$")
    said_from: Moment = None
    said_to: Moment = None


class ChangeSearch(Paged):
    by: Literal["known", "valid"] = Field(
        "known", description="Last recorded first (`known`), or last held first (`valid`)."
    )
    actor: Slug | None = None
    topic: Slug | None = None
    kind: list[ChangeKind] = Field([], max_length=7, description="Any of these kinds.")
    change_size: int | None = Field(None, ge=0, le=4, description="At least so far on the scale.")
    effective_from: Moment = Field(
        None, description="Effective then or later, as far as the date on record says."
    )
    effective_to: Moment = Field(
        None, description="Effective by then; at the latest on a day counts as on that day."
    )
    recorded_from: Moment = Field(
        None, description="When the position was first recorded, whenever it was corrected since."
    )
    recorded_to: Moment = None


class ReviewSearch(Paged):
    kind: list[Finding] = Field([], max_length=3, description="Any of these kinds.")


class Known(BaseModel):
    """The state of the record that an answer is about."""

    size: int
    at: datetime | None = Field(description="When the newest entry among them was recorded.")
    provisional: bool = Field(description="The record may still gain entries of before `known_at`.")


class Listed(BaseModel, Generic[Item]):
    """A page. `next` is the cursor of the next one, also in the `Link` header."""

    items: list[Item]
    next: str | None
    known: Known


class Version(BaseModel):
    """What every row says of how it came on record."""

    recorded_at: datetime
    recorded_by: str
    event: UUID


class Actor(Version):
    id: str
    kind: str
    names: list[dict[str, str]]
    identifiers: dict[str, str]
    merged_into: str | None = Field(description="The actor that reads of positions mean instead.")


class Topic(Version):
    id: str
    label: str | None
    proposition: str | None
    broader: str | None


class ActorAnswer(Actor):
    known: Known


class TopicAnswer(Topic):
    known: Known


class StatementOut(Version):
    """A statement as the record has it. Words that were erased are missing."""

    model_config = ConfigDict(extra="allow")

    id: UUID
    status: Literal["on_record", "corrected", "retracted"]
    closed: dict[str, Any] | None = Field(None, description="The retraction, if there is one.")
    erased: dict[str, str | None] = Field(
        description="Sections of which the words are gone: the ground, as soon as it is folded."
    )


class StatementAnswer(StatementOut):
    known: Known


class Held(BaseModel):
    """A stance that may have been the one held, where dates leave it open."""

    id: UUID | None
    stance: Stance | None
    condition: str | None
    effective: str | None


class Previous(BaseModel):
    id: UUID
    stance: Stance
    since: str


class Strength(BaseModel):
    """What a position rests on, counted over the statements of its basis that stand."""

    utterances: int = Field(description="Reports of one utterance count once.")
    first_hand: int = Field(description="Statements whose source is the utterance itself.")
    reported: int = Field(description="Statements that came through other hands.")
    embedded: int = Field(description="Accounts by somebody else, which are never first-hand.")
    outlets: int
    last_confirmed: str | None = Field(
        description="The date of the last one that may have been said by `as_of`, accounts aside."
    )


class PositionOut(BaseModel):
    """What an actor held on a topic at a time, as known at a size."""

    id: UUID | None
    actor: str
    topic: str
    as_of: str
    known: Known
    on_record: bool
    stance: Stance | None
    condition: str | None
    summary: str | None
    effective: str | None
    since: str | None = Field(description="Since when this stance and condition have been held.")
    certainty: Literal["definite", "possible"]
    alternatives: list[Held]
    kind: ChangeKind | None
    change_size: int | None
    previous: Previous | None
    basis: list[UUID]
    statements: list[dict[str, Any]]
    evidence: Strength
    revision: int = Field(
        description="What `expected_revision` is held against: events of this topic recorded of "
        "`actor` itself, not of those merged into it."
    )
    coder: str | None
    recorded_by: str | None
    recorded_at: datetime | None
    permalink: str
    cite: str


class Step(BaseModel):
    """A step of a line of positions."""

    id: UUID
    actor: str = Field(description="Whom the step counts for, at this size.")
    recorded_as: str = Field(description="Whom it was recorded of, perhaps merged since.")
    topic: str
    stance: Stance
    condition: str | None
    summary: str | None
    effective: str
    since: str = Field(description="Since when this stance and condition had been held.")
    order: int
    kind: ChangeKind
    change_size: int | None
    late: bool = Field(
        description="By its last own event it came before a step that was there already."
    )
    previous: Previous | None
    basis: list[UUID]
    coder: str
    seq: int = Field(description="The seq that made the position.")
    recorded_at: datetime
    recorded_by: str


class VersionOfStep(BaseModel):
    """One version of a step: what was believed of it, from one entry to another."""

    id: UUID
    actor: str = Field(description="Whom it was recorded of, perhaps merged since.")
    stance: Stance
    condition: str | None
    summary: str | None
    effective: str
    order: int
    basis: list[UUID]
    coder: str
    known_from_size: int = Field(description="The first size at which this was believed.")
    known_until_size: int | None = Field(description="The last one; null: still believed.")
    opened: dict[str, Any]
    closed: dict[str, Any] | None


class Review(BaseModel):
    """Something on record that asks to be looked at; it goes with the event that resolves it."""

    kind: Finding
    told: str = Field(description="What it is, and what resolves it.")
    statement: UUID
    position: UUID | None
    actor: str | None
    topic: str | None
    said: Stance | None = Field(description="What the coder read in the statement.")
    held: Stance | None = Field(description="What the position says.")
    other: UUID | None = Field(description="The earlier statement with the same words.")
    seq: int = Field(description="The seq that made the statement.")
    resolve: list[str] = Field(description="Addresses to POST the resolving event to.")
