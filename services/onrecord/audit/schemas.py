"""Parameters and response models of the audit API. Used by `routes`."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, Field

from onrecord.domain.changes import ChangeKind
from onrecord.domain.event_types import EventTypeName
from onrecord.domain.references import ActorRef, TopicRef
from onrecord.kit.lists.page import StreamFlag

_UP_TO_50: Final = Field(max_length=50)


class EventSearch(BaseModel):
    """Query parameters of `GET /v1/events`. Events match every filter that is given."""

    after: Annotated[
        int, Field(ge=-1, lt=2**53, description="A seq; without it, from the start.")
    ] = -1
    actor: Annotated[
        list[ActorRef],
        _UP_TO_50,
        Field(description="Events that touch one of these: ids, or `wikidata:Q...`."),
    ] = []
    topic: Annotated[list[TopicRef], _UP_TO_50, Field(description="Likewise.")] = []
    type: Annotated[list[EventTypeName], _UP_TO_50] = []
    kind: Annotated[
        list[ChangeKind],
        _UP_TO_50,
        Field(description="Only `position.changed` that were such a change when recorded."),
    ] = []
    limit: Annotated[int, Field(ge=1, le=1000, description="Of a page; NDJSON gives all.")] = 100
    cursor: Annotated[str | None, Field(max_length=500)] = None
    stream: StreamFlag = False


class TouchesOut(BaseModel):
    """The actors and topics that an event is about."""

    actors: list[str]
    topics: list[str]


class EntryOut(BaseModel):
    """An entry of the ledger, which holds for ever: ids, codes, dates and numbers, no words."""

    v: Annotated[int, Field(description="The version of the format of entries.")]
    type: EventTypeName
    version: Annotated[int, Field(description="The version of the shape of this type.")]
    id: UUID
    seq: Annotated[int, Field(description="Its place in the ledger, from 0.")]
    recorded_at: datetime
    recorded_by: str
    touches: TouchesOut
    data: Annotated[dict[str, Any], Field(description="By the type and its version.")]
    commit: Annotated[
        dict[str, str], Field(description="HMAC-SHA-256 of each section, with its salt as the key.")
    ]
    revisions: Annotated[
        dict[str, int],
        Field(
            default_factory=dict,
            description="Of an event about positions, by `actor/topic`: its number among those of "
            "the pair, from 1. Entries of version 1 have none.",
        ),
    ]


class SectionOut(BaseModel):
    """The words of a section, in the shape of the event."""

    salt: str
    value: dict[str, Any]


class EventOut(BaseModel):
    """An event as recorded: `entry` stands here byte for byte as it was hashed."""

    entry: EntryOut
    payload: Annotated[
        dict[str, SectionOut], Field(description="By section, those that are not erased.")
    ]
    erased: Annotated[dict[str, str], Field(description="The ground, by erased section.")]


class EventPage(BaseModel):
    items: list[EventOut]
    next: str | None


class LedgerOut(BaseModel):
    """The head of the ledger, signed or not yet."""

    size: Annotated[int, Field(description="The number of events.")]
    root: Annotated[str, Field(description="The RFC 6962 root over all entries, in hex.")]
    recorded_at: Annotated[datetime | None, Field(description="When the last event was recorded.")]
    origin: Annotated[str | None, Field(description="The name of the log in its checkpoints.")]
    key: Annotated[str | None, Field(description="The newest verifier key of the log.")]
