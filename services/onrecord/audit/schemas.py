"""Parameters and response models of the audit API. Used by `routes`."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from onrecord.domain.changes import ChangeKind
from onrecord.domain.event_types import EventTypeName
from onrecord.domain.ids import Slug

_UP_TO_50: Final = Field(max_length=50)


class EventSearch(BaseModel):
    """Query parameters of `GET /v1/events`. Events match every filter that is given."""

    after: Annotated[
        int, Field(ge=-1, lt=2**53, description="A seq; without it, from the start.")
    ] = -1
    actor: Annotated[
        list[Slug], _UP_TO_50, Field(description="Events that touch one of these.")
    ] = []
    topic: Annotated[list[Slug], _UP_TO_50, Field(description="Likewise.")] = []
    type: Annotated[list[EventTypeName], _UP_TO_50] = []
    kind: Annotated[
        list[ChangeKind],
        _UP_TO_50,
        Field(description="Only `position.changed` that were such a change when recorded."),
    ] = []
    limit: Annotated[int, Field(ge=1, le=1000, description="Of a page; NDJSON gives all.")] = 100
    cursor: Annotated[str | None, Field(max_length=500)] = None


class EventOut(BaseModel):
    """An event as recorded: `entry` stands here byte for byte as it was hashed."""

    entry: dict[str, Any]
    payload: dict[str, dict[str, Any]]
    erased: dict[str, str]


class EventPage(BaseModel):
    items: list[EventOut]
    next: str | None
