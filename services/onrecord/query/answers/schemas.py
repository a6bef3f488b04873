"""Response models of the read API: dataclasses, so that OpenAPI describes every field.

Filled by `serialize`. They are not validated at run time, as they are made of rows of our own
tables; `responses` writes them as JSON.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

from onrecord.domain.event_types import EventTypeName
from onrecord.domain.events import ActorKind, ActorName
from onrecord.domain.finding_kinds import FindingCertainty, FindingKind
from onrecord.domain.stances import Stance

ItemT = TypeVar("ItemT")

INSTANT: Final = {"type": "string", "format": "date-time"}
INSTANT_OR_NULL: Final = {"anyOf": [INSTANT, {"type": "null"}]}
"""JSON Schemas of instants that are serialized as text."""


@dataclass(kw_only=True)
class Known:
    """The state of the record that an answer is about."""

    size: int
    at: Annotated[
        datetime | None, Field(description="When the newest entry among them was recorded.")
    ]
    provisional: Annotated[
        bool,
        Field(
            description="The answer may still change: entries recorded before `known_at` may be"
            " missing, or, where no size was named, projections are stalled (see `/readyz`)."
        ),
    ]


class Listed(BaseModel, Generic[ItemT]):
    """A page. `next` is the cursor of the next one, also in the `Link` header."""

    items: list[ItemT]
    next: str | None
    known: Known


class ListedAsOf(Listed[ItemT]):
    """A page of what was so at an instant."""

    as_of: str


@dataclass(kw_only=True)
class Version:
    """The event by which a row came on record."""

    recorded_at: datetime
    recorded_by: str
    event: UUID


@dataclass(kw_only=True)
class ClosingEvent:
    """The event by which a version went off the record."""

    event: UUID
    type: EventTypeName
    seq: int
    by: Annotated[str | None, Field(description="Who was wrong: `us`, `outlet` or `speaker`.")]
    reason: Annotated[str | None, Field(description="Null: there is none, or it was erased.")]
    recorded_at: datetime
    recorded_by: str


@dataclass(kw_only=True)  # without its own, orjson does not serialize it
class OpeningEvent(ClosingEvent):
    """The event by which a version came on record."""


@dataclass(kw_only=True)
class Actor(Version):
    id: str
    label: Annotated[str, Field(description="The first English name, else the first name.")]
    kind: ActorKind
    names: list[ActorName]
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
class Dismiss:
    """A finding in the body of `POST /v1/review/dismissals`."""

    kind: FindingKind
    certainty: FindingCertainty
    statements: list[UUID]
    position: UUID | None


@dataclass(kw_only=True)
class Dismissal(Version):
    """The event by which a finding was left as it is."""

    seq: int
    reason: str | None
    reason_erased: Annotated[str | None, Field(description="The ground of its erasure.")]


@dataclass(kw_only=True)
class Review:
    """Something on record that asks to be looked at; it goes with the event that resolves it."""

    kind: FindingKind
    certainty: Annotated[
        FindingCertainty,
        Field(
            description="`possible`: inexact dates leave open whether the position was held when "
            "the statement was made."
        ),
    ]
    message: Annotated[str, Field(description="What it is, and what resolves it.")]
    statement: UUID
    position: UUID | None
    actor: str | None
    actor_label: str | None
    topic: str | None
    topic_label: str | None
    said: Annotated[Stance | None, Field(description="What the coder read in the statement.")]
    held: Annotated[Stance | None, Field(description="What the position says.")]
    other: Annotated[UUID | None, Field(description="The earlier statement with the same words.")]
    seq: Annotated[int, Field(description="The seq that made the statement.")]
    recorded_at: Annotated[datetime, Field(description="When that entry was recorded.")]
    recorded_by: str
    resolve: Annotated[list[str], Field(description="Addresses to POST the resolving event to.")]
    dismiss: Annotated[
        Dismiss,
        Field(
            description="To leave it as it is, POST this with `known_size` (the `known.size` of the"
            " page) and a `reason` to `/v1/review/dismissals`."
        ),
    ]
    dismissal: Annotated[
        Dismissal | None, Field(description="Why it was left as it is; with `dismissed` only.")
    ]


@dataclass(kw_only=True)
class Candidate:
    """An actor or topic, with the name that readers see."""

    id: str
    label: str
    merged_into: Annotated[
        str | None, Field(description="The actor that reads of positions mean instead.")
    ]


@dataclass(kw_only=True)
class NamesAnswer:
    """What a spelling names."""

    id: Annotated[
        str | None,
        Field(
            description="The actor or topic of this id; else the only one with this spelling; else,"
            " where those with it are merged into one, that one. Null if it is not clear."
        ),
    ]
    matches: Annotated[list[Candidate], Field(description="All with this spelling, at most 20.")]
    nearest: Annotated[
        list[Candidate],
        Field(description="Where none has it: up to three with the nearest spellings."),
    ]
    known: Known
