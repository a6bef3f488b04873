"""Which events are there, what does each say, and what does it do to which thing?

Every event type, by (type, version). A class here is frozen once released: its golden file in
`tests/golden/events/` must parse for ever. A new shape is the next version and a function in
`upcasts.py`. Called by `decisions` (to judge them), the ledger (to write them as bytes) and every
fold (to hear them).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal, NamedTuple
from uuid import UUID

from pydantic import Field, TypeAdapter

from onrecord.domain.fields import LanguageTag, free_text
from onrecord.domain.ids import Code, EntityKind, Slug, entity_id
from onrecord.domain.payload import FrozenModel, Json, Ref, Section, merge_payload
from onrecord.domain.position import Position
from onrecord.domain.statement import Statement
from onrecord.domain.upcasts import upcast

By = Literal["us", "outlet", "speaker"]
Reason = Annotated[str | None, free_text(2_000), Section("reason")]


class Event(FrozenModel):
    """What every event class says of itself.

    `makes`: the kind of thing that comes into being with it. `amends`: the kind of thing whose
    state it replaces. `erases`: the kind of thing whose words go, while its state stands. One of
    the three.
    """

    type: ClassVar[str]
    version: ClassVar[int] = 1
    makes: ClassVar[EntityKind | None] = None
    amends: ClassVar[EntityKind | None] = None
    erases: ClassVar[EntityKind | None] = None

    def subject(self, event_id: UUID) -> UUID:
        """The UUID of the thing that this event makes, amends or erases words of."""
        return event_id


class ActorName(FrozenModel):
    """A spelling of an actor's name in one language."""

    name: Annotated[str, free_text(500)]
    lang: LanguageTag


ActorKind = Literal["person", "organisation", "government", "office", "group"]
ActorNames = Annotated[tuple[ActorName, ...], Field(max_length=100), Section("names")]
ActorIdentifiers = Annotated[
    dict[Code, Annotated[str, free_text(500)]]
    | None,  # ASCII keys: RFC 8785 sorts others by UTF-16
    Field(max_length=50),
    Section("names"),
]


class ActorState(Event):
    """The whole state of an actor; `id` is its slug."""

    id: Slug
    kind: ActorKind
    names: ActorNames = ()
    identifiers: ActorIdentifiers = None

    def subject(self, event_id: UUID) -> UUID:
        return entity_id("actor", self.id)


class ActorRegistered(ActorState):
    type = "actor.registered"
    makes = "actor"


class ActorRevised(ActorState):
    type = "actor.revised"
    amends = "actor"


class TopicState(Event):
    """The whole state of a topic; `id` is its slug, `proposition` what a stance is about."""

    id: Slug
    label: Annotated[str | None, free_text(500), Section("labels")] = None
    proposition: Annotated[str | None, free_text(2_000), Section("labels")] = None
    broader: Annotated[Slug | None, Ref("topic")] = None

    def subject(self, event_id: UUID) -> UUID:
        return entity_id("topic", self.id)


class TopicRegistered(TopicState):
    type = "topic.registered"
    makes = "topic"


class TopicRevised(TopicState):
    type = "topic.revised"
    amends = "topic"


class StatementMade(Statement, Event):
    type = "statement.made"
    makes = "statement"


class PositionChanged(Position, Event):
    type = "position.changed"
    makes = "position"
    expected_revision: Annotated[int | None, Field(strict=True, ge=0, lt=2**53)] = None


class Amendment(Event):
    """A correction or retraction of the thing `target`; never an edit."""

    target: UUID
    by: By
    reason: Reason = None

    def subject(self, event_id: UUID) -> UUID:
        return self.target


class StatementCorrected(Amendment):
    type = "statement.corrected"
    amends = "statement"
    replacement: Statement


class StatementRetracted(Amendment):
    type = "statement.retracted"
    amends = "statement"


class PositionCorrected(Amendment):
    type = "position.corrected"
    amends = "position"
    replacement: Position


class PositionRetracted(Amendment):
    type = "position.retracted"
    amends = "position"


class ActorMerged(Event):
    """From here on, reads of `actor` mean `into`."""

    type = "actor.merged"
    amends = "actor"
    actor: Annotated[Slug, Ref("actor")]
    into: Annotated[Slug, Ref("actor")]
    reason: Reason = None

    def subject(self, event_id: UUID) -> UUID:
        return entity_id("actor", self.actor)


class ActorUnmerged(Event):
    """The merge of `actor` was wrong, or is over."""

    type = "actor.unmerged"
    amends = "actor"
    actor: Annotated[Slug, Ref("actor")]
    reason: Reason = None

    def subject(self, event_id: UUID) -> UUID:
        return entity_id("actor", self.actor)


class PayloadErased(Event):
    """These sections of the statement `target` are gone, from every event of it until here."""

    type = "payload.erased"
    erases = "statement"
    target: UUID
    sections: Annotated[tuple[Code, ...], Field(min_length=1, max_length=16)]
    ground: Code

    def subject(self, event_id: UUID) -> UUID:
        return self.target


EVENT_CLASSES: Mapping[tuple[str, int], type[Event]] = {
    (one.type, one.version): one
    for one in (
        *(ActorRegistered, ActorRevised, ActorMerged, ActorUnmerged),
        *(TopicRegistered, TopicRevised),
        *(StatementMade, StatementCorrected, StatementRetracted),
        *(PositionChanged, PositionCorrected, PositionRetracted),
        PayloadErased,
    )
}


class Recorded(NamedTuple):
    """An event as the ledger has it: what happened, its place, when and by whom it was recorded.

    `erased` names the sections that are gone: their leaves are missing from `event`.
    """

    seq: int
    id: UUID
    recorded_at: datetime
    recorded_by: str
    event: Event
    erased: frozenset[str] = frozenset()

    @property
    def subject(self) -> UUID:
        """The thing that the event makes or amends."""
        return self.event.subject(self.id)


def parse(type_: str, version: int, data: Json, sections: Iterable[Json]) -> Event:
    """Read an event as stored, in whatever released shape, as the newest class of its type."""
    newest, whole = upcast(type_, version, merge_payload(data, *sections))
    return _READERS[type_, newest](whole)


_READERS: Final[Mapping[tuple[str, int], Callable[[Json], Event]]] = {
    key: TypeAdapter(one).validator.validate_python for key, one in EVENT_CLASSES.items()
}
"""As `model_validate` reads, at half its cost: it looks at what it was called with, every time."""
