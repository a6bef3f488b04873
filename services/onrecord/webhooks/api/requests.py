"""Request bodies and query parameters of the webhooks API. Used by its routes."""

from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from onrecord.domain.changes import ChangeKind
from onrecord.domain.event_types import CHANGE_TYPE, EventTypeName
from onrecord.domain.fields import field_error, free_text
from onrecord.domain.ids import Slug
from onrecord.domain.payload import FrozenModel
from onrecord.kit.lists.page import StreamFlag

DeliveryState = Literal["pending", "sending", "delivered", "failed"]

TypesFilter = Annotated[
    tuple[EventTypeName, ...], Field(max_length=32, description="Types of event; empty: all.")
]
ActorsFilter = Annotated[
    tuple[Slug, ...],
    Field(max_length=100, description="Events about one of these actors; empty: all."),
]
TopicsFilter = Annotated[
    tuple[Slug, ...],
    Field(max_length=100, description="Events about one of these topics; empty: all."),
]
KindsFilter = Annotated[
    tuple[ChangeKind, ...],
    Field(
        max_length=7,
        description="Kinds of change, as they were when recorded. With kinds, only "
        "`position.changed` is sent; empty: all events.",
    ),
]
EndpointUrl = Annotated[str, Field(min_length=1, max_length=2_000)]
EndpointDescription = Annotated[str | None, free_text(500)]
OrderedFlag = Annotated[
    bool,
    Field(
        strict=True,
        description="Strictly in the ledger's order, one at a time: a delivery that fails holds "
        "back all later ones, and pauses the endpoint when its retries are used up.",
    ),
]


def _check_filters(types: tuple[str, ...] | None, kinds: tuple[str, ...] | None) -> None:
    if kinds and types and CHANGE_TYPE not in types:
        message = f"only {CHANGE_TYPE} has a kind of change; add it to types, or leave kinds out"
        raise field_error("/kinds", message)


class FilterIn(FrozenModel):
    """Events that match every filter."""

    types: TypesFilter = ()
    actors: ActorsFilter = ()
    topics: TopicsFilter = ()
    kinds: KindsFilter = ()

    @model_validator(mode="after")
    def _validate_filters(self) -> "FilterIn":
        _check_filters(self.types, self.kinds)
        return self


class EndpointIn(FilterIn):
    """The address of an endpoint, and which events it is sent."""

    url: EndpointUrl
    description: EndpointDescription = None
    ordered: OrderedFlag = False


class DryRunIn(FilterIn):
    """A filter to try on the last `events` of the ledger."""

    events: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 1_000


class EndpointPatch(FrozenModel):
    """The fields to change, for events from here on; others stay as they are."""

    url: EndpointUrl | None = None
    description: EndpointDescription = None
    types: TypesFilter | None = None
    actors: ActorsFilter | None = None
    topics: TopicsFilter | None = None
    kinds: KindsFilter | None = None
    ordered: OrderedFlag | None = None


class PauseIn(FrozenModel):
    """The reason of a pause, shown with the endpoint."""

    reason: Annotated[str | None, free_text(500)] = None


class ReplayIn(FrozenModel):
    """Where a replay starts: at a size or at a time."""

    from_size: Annotated[int | None, Field(strict=True, ge=0, lt=2**53)] = None
    since: Annotated[AwareDatetime | None, Field(description="A time of recording.")] = None

    @model_validator(mode="after")
    def _has_one_start(self) -> "ReplayIn":
        if (self.from_size is None) == (self.since is None):
            raise field_error("/from_size", "give from_size or since, one of the two")
        return self


class ResendIn(FrozenModel):
    """Deliveries that failed since a time, and have not succeeded after that."""

    failed_since: AwareDatetime


class EndpointListParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, max_length=500)
    stream: StreamFlag = False


class DeliveryListParams(EndpointListParams):
    state: DeliveryState | None = None


class FeedParams(EndpointListParams):
    after: Annotated[
        int | None,
        Field(ge=-1, lt=2**53, description="A seq; without it, from the endpoint's creation."),
    ] = None
    limit: int = Field(100, ge=1, le=500)
