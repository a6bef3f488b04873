"""Response models of the webhooks API, filled by `endpoints`, `delivery_log` and `feed`."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from onrecord.webhooks.api.event_schemas import CloudEvent
from onrecord.webhooks.api.requests import DeliveryState


class Pause(BaseModel):
    """A pause: nothing is sent, all deliveries are kept until the endpoint is resumed."""

    at: datetime
    reason: str | None
    by: str = Field(description="`onrecord` if it paused the endpoint itself.")


class Replay(BaseModel):
    """A replay of an endpoint and its progress."""

    id: int
    from_size: int
    to_size: int
    events: int = Field(description="How many it will send, counted when it was requested.")
    queued: int = Field(description="How many of them are queued, in order.")
    at_size: int = Field(description="The size of the ledger up to which they are queued.")
    asked_at: datetime
    ended_at: datetime | None


class Endpoint(BaseModel):
    """An endpoint: its address, its filters, its health."""

    id: UUID
    url: str
    description: str | None
    types: list[str]
    actors: list[str]
    topics: list[str]
    kinds: list[str]
    ordered: bool
    size: int = Field(description="The ledger's size when it was created; it is sent later events.")
    made_at: datetime
    paused: Pause | None
    failing_since: datetime | None = Field(description="No delivery has succeeded since.")
    failures: int = Field(description="In a row; from 5 on one delivery is sent at a time.")
    secret_overlap_until: datetime | None = Field(
        description="Until then, both the old secret and the new one sign."
    )
    replay: Replay | None = Field(description="The last one.")


class EndpointMade(Endpoint):
    secret: str = Field(description="Shown only here; `rotate` creates another.")


class Rotated(BaseModel):
    id: UUID
    secret: str = Field(description="Shown only here.")
    secret_overlap_until: datetime = Field(
        description="Until then deliveries are signed with the old secret too; after a second "
        "rotation, with the last two."
    )


class Matched(BaseModel):
    """An event that matches the filter of a dry run."""

    event: UUID
    seq: int
    type: str
    kind: str | None
    recorded_at: datetime


class DryRun(BaseModel):
    """The events between `from_size` and `to_size` that match; `items` are the last 100."""

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
        "may have got it or not."
    )
    status: int | None
    error: str | None
    answer: str | None = Field(description="The first bytes of the response body, as text.")


class Delivery(BaseModel):
    """A delivery of an event to an endpoint, with every attempt."""

    id: int
    endpoint: UUID
    event: UUID = Field(description="Also the `webhook-id` of every attempt.")
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
