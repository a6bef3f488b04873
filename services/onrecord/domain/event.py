"""The base class of events, and what every event class declares about itself.

The ledger, the folds, the webhooks and the filters read these declarations instead of keeping
lists of event types of their own. The event classes themselves are in `events`.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal, NamedTuple
from uuid import UUID

from onrecord.domain.fields import free_text
from onrecord.domain.ids import EntityKind, entity_id
from onrecord.domain.payload import FrozenModel, Json, Section

AmendedBy = Literal["us", "outlet", "speaker"]
ReasonText = Annotated[str | None, free_text(2_000), Section("reason")]


class Event(FrozenModel):
    """Something that happened to one entity, the subject of the event.

    A class declares exactly one of `makes`, `amends` and `erases`. Its docstring is the summary of
    the event type in the description of the webhooks, and `example` is the example there.
    """

    type: ClassVar[str]
    version: ClassVar[int] = 1

    makes: ClassVar[EntityKind | None] = None
    """The kind of entity that comes into being with the event."""
    amends: ClassVar[EntityKind | None] = None
    """The kind of entity whose state the event changes."""
    erases: ClassVar[EntityKind | None] = None
    """The kind of entity that loses payload sections, while its state stays."""
    is_retraction: ClassVar[bool] = False
    """The event takes its subject off the record."""
    subject_field: ClassVar[str | None] = None
    """The field that names the subject; None where the subject has the event's own id."""
    example: ClassVar[Json]

    @classmethod
    def subject_kind(cls) -> EntityKind:
        kind = cls.makes or cls.amends or cls.erases
        assert kind, f"{cls.__name__} declares none of makes, amends and erases"
        return kind

    def subject_name(self, event_id: UUID) -> str | UUID:
        """The slug of the subject if it is an actor or a topic, else its UUID."""
        name: str | UUID = getattr(self, self.subject_field) if self.subject_field else event_id
        return name

    @property
    def slug(self) -> str | None:
        """The slug of the subject if it is an actor or a topic."""
        name = getattr(self, self.subject_field) if self.subject_field else None
        return name if isinstance(name, str) else None

    def subject(self, event_id: UUID) -> UUID:
        """The UUID of the subject."""
        name = self.subject_name(event_id)
        return name if isinstance(name, UUID) else entity_id(self.subject_kind(), name)


class Amendment(Event):
    """A correction or retraction of the entity `target`; nothing on record is ever edited."""

    subject_field = "target"
    target: UUID
    by: AmendedBy
    reason: ReasonText = None


class RecordedEvent(NamedTuple):
    """An event as the ledger has it: with its place, and when and by whom it was recorded.

    `erased`: the payload sections that were erased, whose fields are missing in `event`.
    """

    seq: int
    id: UUID
    recorded_at: datetime
    recorded_by: str
    event: Event
    erased: frozenset[str] = frozenset()

    @property
    def subject(self) -> UUID:
        """The UUID of the entity that the event makes, amends or erases payload of."""
        return self.event.subject(self.id)
