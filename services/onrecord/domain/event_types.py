"""Lookups by event type, and the parser of stored events.

Used wherever an event is known by its type and stored bytes only: by the ledger, the filters, the
projections and the payloads of webhooks. All of it is derived from `events.EVENT_CLASSES`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Final

from pydantic import StringConstraints, TypeAdapter

from onrecord.domain.error_message import ErrorMessage
from onrecord.domain.event import Event
from onrecord.domain.events import EVENT_CLASSES, PositionChanged
from onrecord.domain.ids import EntityKind
from onrecord.domain.payload import Json, merge_payload
from onrecord.domain.upcasts import upcast

EventTypeName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]+\.[a-z]+$", max_length=80),
    ErrorMessage("must be a type of event, as statement.made"),
]
NEWEST_CLASSES: Final[Mapping[str, type[Event]]] = {
    event_class.type: event_class
    for event_class in sorted(EVENT_CLASSES.values(), key=lambda event_class: event_class.version)
}
"""The newest class of every event type."""

CHANGE_TYPE: Final = PositionChanged.type
"""The one type of event that has a kind of change."""


def event_types_about(*kinds: EntityKind) -> frozenset[str]:
    """The types of all events whose subject is of one of these kinds."""
    return frozenset(
        event_class.type
        for event_class in EVENT_CLASSES.values()
        if event_class.subject_kind() in kinds
    )


def parse_event(type_: str, version: int, data: Json, sections: Iterable[Json]) -> Event:
    """Parse a stored event of any released version as the newest class of its type."""
    newest, whole = upcast(type_, version, merge_payload(data, *sections))
    return _PARSERS[type_, newest](whole)


# The validators without `model_validate`, which costs as much again as they do.
_PARSERS: Final[Mapping[tuple[str, int], Callable[[Json], Event]]] = {
    key: TypeAdapter(event_class).validator.validate_python
    for key, event_class in EVENT_CLASSES.items()
}


def stored_subject(type_: str, version: int, data: Json, event_id: str) -> tuple[EntityKind, str]:
    """Kind and name (slug or UUID) of the subject of a stored event, without parsing the event."""
    event_class = EVENT_CLASSES[type_, version]
    name = data[event_class.subject_field] if event_class.subject_field else event_id
    return event_class.subject_kind(), name
