"""What does one say who wants to be told, and what is one told of the telling?

Bodies, parameters and answers of the webhooks door. Called by `routes`, filled by `endpoints` and
`log`.
"""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from onrecord.domain.changes import ChangeKind
from onrecord.domain.fields import field_error, free_text
from onrecord.domain.ids import Slug
from onrecord.domain.payload import FrozenModel
from onrecord.webhooks.matching import CHANGED

Item = TypeVar("Item")
State = Literal["pending", "sending", "delivered", "failed"]

Type = Annotated[str, Field(pattern=r"^[a-z]+\.[a-z]+$", max_length=80)]
Types = Annotated[
    tuple[Type, ...], Field(max_length=32, description="Types of event; empty: every one.")
]
Actors = Annotated[
    tuple[Slug, ...],
    Field(max_length=100, description="Events that touch one of them; empty: everybody's."),
]
Topics = Annotated[
    tuple[Slug, ...], Field(max_length=100, description="Likewise; empty: every topic's.")
]
Kinds = Annotated[
    tuple[ChangeKind, ...],
    Field(
        max_length=7,
        description="Kinds of change, as they were when recorded. Whoever names some is told of "
        "`position.changed` only; empty: all events.",
    ),
]
Url = Annotated[str, Field(min_length=1, max_length=2_000)]
Description = Annotated[str | None, free_text(500)]
Ordered = Annotated[
    bool,
    Field(
        strict=True,
        description="Strictly in the ledger's order, one at a time: what fails holds back all that "
        "comes after it, and pauses the endpoint when its retries are used up.",
    ),
]


def _reachable(types: tuple[str, ...] | None, kinds: tuple[str, ...] | None) -> None:
    if kinds and types and CHANGED not in types:
        message = f"only {CHANGED} has a kind of change; add it to types, or leave kinds out"
        raise field_error("/kinds", message)


class FilterIn(FrozenModel):
    """Which events: those that pass every filter."""

    types: Types = ()
    actors: Actors = ()
    topics: Topics = ()
    kinds: Kinds = ()

    @model_validator(mode="after")
    def _matches_something(self) -> "FilterIn":
        _reachable(self.types, self.kinds)
        return self


class EndpointIn(FilterIn):
    """Where to send which events."""

    url: Url
    description: Description = None
    ordered: Ordered = False


class DryRunIn(FilterIn):
    """Which of the last `events` would have been sent."""

    events: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 1_000


class EndpointPatch(FrozenModel):
    """What is to be different; what is left out stays. Holds for events from here on."""

    url: Url | None = None
    description: Description = None
    types: Types | None = None
    actors: Actors | None = None
    topics: Topics | None = None
    kinds: Kinds | None = None
    ordered: Ordered | None = None


class PauseIn(FrozenModel):
    """Why, for those who see it."""

    reason: Annotated[str | None, free_text(500)] = None


class ReplayIn(FrozenModel):
    """From where on to send again: one of the two."""

    from_size: Annotated[int | None, Field(strict=True, ge=0, lt=2**53)] = None
    since: Annotated[AwareDatetime | None, Field(description="A time of recording.")] = None

    @model_validator(mode="after")
    def _is_one(self) -> "ReplayIn":
        if (self.from_size is None) == (self.since is None):
            raise field_error("/from_size", "give from_size or since, one of the two")
        return self


class ResendIn(FrozenModel):
    """All that failed for good since then."""

    failed_since: AwareDatetime


class Pause(BaseModel):
    """Nothing is sent, and nothing is lost: resume goes on from here."""

    at: datetime
    reason: str | None
    by: str = Field(description="`onrecord` where nobody asked for it.")


class Replay(BaseModel):
    """Sending again: how much it is, and how far."""

    id: int
    from_size: int
    to_size: int
    events: int = Field(description="How many it will send, counted when it was asked for.")
    queued: int = Field(description="How many of them were queued by now, in order.")
    at_size: int = Field(description="Up to which size of the ledger that is.")
    asked_at: datetime
    ended_at: datetime | None


class Endpoint(BaseModel):
    """Where which events are sent, and how that is going."""

    id: UUID
    url: str
    description: str | None
    types: list[str]
    actors: list[str]
    topics: list[str]
    kinds: list[str]
    ordered: bool
    size: int = Field(description="The ledger's when it was made: it is told of what came then.")
    made_at: datetime
    paused: Pause | None
    failing_since: datetime | None = Field(description="Nothing has succeeded since.")
    failures: int = Field(description="In a row; from 5 on it gets one delivery at a time.")
    secret_overlap_until: datetime | None = Field(
        description="Until then, both the old secret and the new one sign."
    )
    replay: Replay | None = Field(description="The last one.")


class EndpointMade(Endpoint):
    secret: str = Field(description="Told here and never again; `rotate` gives another.")


class Rotated(BaseModel):
    id: UUID
    secret: str = Field(description="Told here and never again.")
    secret_overlap_until: datetime = Field(
        description="Until then the old secret signs along; after a second rotation, only the last "
        "two do."
    )


class Matched(BaseModel):
    """One event that a dry run found."""

    event: UUID
    seq: int
    type: str
    kind: str | None
    recorded_at: datetime


class DryRun(BaseModel):
    """Of the events from `from_size` to `to_size`, those that match: the last 100 of them."""

    from_size: int
    to_size: int
    matched: int
    items: list[Matched]


class Attempt(BaseModel):
    number: int
    began_at: datetime
    seconds: float | None
    result: Literal["delivered", "failed", "under way", "unknown"] = Field(
        description="`unknown`: it began, and then its process or the database ended; the receiver "
        "may have it or not."
    )
    status: int | None
    error: str | None
    answer: str | None = Field(description="The first bytes of it, as text.")


class Delivery(BaseModel):
    """One event for one endpoint, and every attempt to deliver it."""

    id: int
    endpoint: UUID
    event: UUID = Field(description="Also its `webhook-id`, whatever the attempt.")
    kind: Literal["event", "ping"]
    seq: int | None
    state: State
    held_by: int | None = Field(
        description="The delivery of an ordered endpoint that this one waits for."
    )
    next_attempt_at: datetime | None = Field(description="Null: at once, or never again.")
    made_at: datetime
    ended_at: datetime | None
    attempts: list[Attempt]


class Page(BaseModel, Generic[Item]):
    """A page. `next` is the cursor of the next one, also in the `Link` header."""

    items: list[Item]
    next: str | None


class Resent(BaseModel):
    resent: int = Field(description="How many deliveries are due again.")


class Search(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, max_length=500)


class DeliverySearch(Search):
    state: State | None = None


class FeedSearch(Search):
    after: Annotated[
        int | None,
        Field(ge=-1, lt=2**53, description="A seq; without it, from the endpoint's start."),
    ] = None
    limit: int = Field(100, ge=1, le=500)


class CloudEvent(BaseModel):
    """CloudEvents 1.0, structured. What is POSTed to an endpoint."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: UUID = Field(description="The event's id, and the header `webhook-id`.")
    source: str
    type: str
    subject: str = Field(description="The thing it is about, as a path below `/v1/`.")
    time: datetime = Field(description="When it was recorded.")
    sequence: str | None = Field(None, description="Its seq.")
    datacontenttype: Literal["application/json"]
    data: dict[str, Any]
