"""Response models of the webhooks API, filled by `endpoints`, `delivery_log` and `feed`."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from onrecord.webhooks.api.requests import DeliveryState


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
    state: DeliveryState
    held_by: int | None = Field(
        description="The delivery of an ordered endpoint that this one waits for."
    )
    next_attempt_at: datetime | None = Field(description="Null: at once, or never again.")
    made_at: datetime
    ended_at: datetime | None
    attempts: list[Attempt]


class Resent(BaseModel):
    resent: int = Field(description="How many deliveries are due again.")


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


# In the pages below, `next` is the cursor of the next page, which is also in the `Link` header.


class EndpointPage(BaseModel):
    items: list[Endpoint]
    next: str | None


class DeliveryPage(BaseModel):
    items: list[Delivery]
    next: str | None


class FeedPage(BaseModel):
    items: list[CloudEvent]
    next: str | None
