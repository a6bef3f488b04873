"""The event classes: what each event type says, and what it does to which entity.

Used by `decisions`, by the ledger, which stores events as bytes, and by every fold. A class is
frozen once it is released: its golden file in `tests/golden/events/` must parse for ever. A change
of shape is a class with the next `version`, and a function in `upcasts.py`.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal
from uuid import UUID

from pydantic import Field

from onrecord.domain.dates import InstantText
from onrecord.domain.event import Amendment, Event, ReasonText
from onrecord.domain.fields import LanguageTag, StatementIds, free_text
from onrecord.domain.finding_kinds import FindingCertainty, FindingKind
from onrecord.domain.ids import Code, Slug
from onrecord.domain.payload import FrozenModel, Json, Ref, Section
from onrecord.domain.position import Position
from onrecord.domain.scopes import KeyScopes
from onrecord.domain.statement import Statement

_EXAMPLE_ID: Final = "01939a3c-6f00-7a51-8a7c-3f1d5b2c9e10"
_EXAMPLE_AMENDMENT: Final = {"target": _EXAMPLE_ID, "by": "us", "reason": "A slip of ours."}


class ActorName(FrozenModel):
    """A spelling of an actor's name in one language."""

    name: Annotated[str, free_text(500)]
    lang: LanguageTag


ActorKind = Literal["person", "organisation", "government", "office", "group"]
ActorNames = Annotated[tuple[ActorName, ...], Field(max_length=100), Section("names")]
ActorIdentifiers = Annotated[
    # `Code`: ASCII keys, as RFC 8785 sorts others by UTF-16 code units
    dict[Code, Annotated[str, free_text(500)]] | None,
    Field(max_length=50),
    Section("names"),
]


class ActorState(Event):
    """The whole state of an actor; `id` is its slug."""

    subject_field = "id"
    example: ClassVar[Json] = {
        "id": "ministry",
        "kind": "government",
        "names": [{"name": "Ministry", "lang": "en"}],
    }
    id: Slug
    kind: ActorKind
    names: ActorNames = ()
    identifiers: ActorIdentifiers = None


class ActorRegistered(ActorState):
    """An actor is on record."""

    type = "actor.registered"
    makes = "actor"


class ActorRevised(ActorState):
    """An actor has a new state."""

    type = "actor.revised"
    amends = "actor"


class ActorMerged(Event):
    """From here on, one actor means another."""

    type = "actor.merged"
    amends = "actor"
    subject_field = "actor"
    example: ClassVar[Json] = {"actor": "ministry-2", "into": "ministry", "reason": "The same."}
    actor: Annotated[Slug, Ref("actor")]
    into: Annotated[Slug, Ref("actor")]
    reason: ReasonText = None


class ActorUnmerged(Event):
    """A merge was wrong, or is over."""

    type = "actor.unmerged"
    amends = "actor"
    subject_field = "actor"
    example: ClassVar[Json] = {"actor": "ministry-2", "reason": "Not the same after all."}
    actor: Annotated[Slug, Ref("actor")]
    reason: ReasonText = None


class TopicState(Event):
    """The whole state of a topic; `id` is its slug, `proposition` what a stance is about."""

    subject_field = "id"
    example: ClassVar[Json] = {
        "id": "talks",
        "label": "Talks",
        "proposition": "Hold talks before they withdraw",
    }
    id: Slug
    label: Annotated[str | None, free_text(500), Section("labels")] = None
    proposition: Annotated[str | None, free_text(2_000), Section("labels")] = None
    broader: Annotated[Slug | None, Ref("topic")] = None


class TopicRegistered(TopicState):
    """A topic is on record."""

    type = "topic.registered"
    makes = "topic"


class TopicRevised(TopicState):
    """A topic has a new state."""

    type = "topic.revised"
    amends = "topic"


class StatementMade(Statement, Event):
    """Somebody said something."""

    type = "statement.made"
    makes = "statement"
    example: ClassVar[Json] = {
        "speakers": [{"actor": "spokesman", "role": "Spokesman", "on_behalf_of": ["ministry"]}],
        "topics": ["talks"],
        "said_at": "2022-12-01",
        "said_at_basis": "stated",
        "content": {"text": "We are ready to talk.", "lang": "en", "mode": "verbatim"},
        "evidence": [{"url": "https://news.example/talks", "outlet": "The Daily"}],
        "coder": "desk",
    }


class StatementCorrected(Amendment):
    """What a statement on record should have said."""

    type = "statement.corrected"
    amends = "statement"
    example: ClassVar[Json] = {**_EXAMPLE_AMENDMENT, "replacement": StatementMade.example}
    replacement: Statement


class StatementRetracted(Amendment):
    """A statement is taken off the record."""

    type = "statement.retracted"
    amends = "statement"
    is_retraction = True
    example: ClassVar[Json] = _EXAMPLE_AMENDMENT


class PositionChanged(Position, Event):
    """From a date on, somebody holds a stance; `change` tells it from the one before."""

    type = "position.changed"
    makes = "position"
    example: ClassVar[Json] = {
        "actor": "ministry",
        "topic": "talks",
        "stance": "conditional_support",
        "condition": "If the fighting stops.",
        "summary": "Ready for talks once the fighting stops.",
        "effective": "2022-12-01",
        "basis": [_EXAMPLE_ID],
        "coder": "desk",
    }
    expected_revision: Annotated[int | None, Field(strict=True, ge=0, lt=2**53)] = None


class PositionCorrected(Amendment):
    """What a position on record should have been: we were wrong, they did not change."""

    type = "position.corrected"
    amends = "position"
    example: ClassVar[Json] = {**_EXAMPLE_AMENDMENT, "replacement": PositionChanged.example}
    replacement: Position


class PositionRetracted(Amendment):
    """A position is taken off the record."""

    type = "position.retracted"
    amends = "position"
    is_retraction = True
    example: ClassVar[Json] = _EXAMPLE_AMENDMENT


class PayloadErased(Event):
    """Words of a statement are gone; from here on no delivery holds them."""

    type = "payload.erased"
    erases = "statement"
    subject_field = "target"
    example: ClassVar[Json] = {"target": _EXAMPLE_ID, "sections": ["content"], "ground": "gdpr-17"}
    target: UUID
    sections: Annotated[tuple[Code, ...], Field(min_length=1, max_length=16)]
    ground: Code


class FindingDismissed(Event):
    """A finding of the review is left as it is, until something that it is about changes."""

    type = "finding.dismissed"
    makes = "dismissal"
    example: ClassVar[Json] = {
        "kind": "contradiction",
        "certainty": "definite",
        "statements": [_EXAMPLE_ID],
        "position": "01939a3c-5e11-7d3b-b1c2-0a9f8e7d6c55",
        "known_size": 40,
        "reason": "A joke; the outlet quotes it as one.",
    }
    kind: FindingKind
    certainty: FindingCertainty
    statements: Annotated[StatementIds, Field(min_length=1)]
    position: Annotated[UUID | None, Ref("position")] = None
    known_size: Annotated[int, Field(strict=True, ge=1, lt=2**53)]
    """What it is about is as it was at this size."""
    reason: ReasonText = None

    @property
    def about(self) -> tuple[UUID, ...]:
        """The statements and the position, a change of which brings the finding back."""
        return self.statements if self.position is None else (*self.statements, self.position)


class KeyCreated(Event):
    """An API key may be used from here on; its id is the `recorded_by` of what it records."""

    type = "key.created"
    makes = "key"
    example: ClassVar[Json] = {"name": "Desk", "scopes": ["read", "write"]}
    name: Annotated[str | None, free_text(200), Section("names")] = None
    scopes: KeyScopes
    expires_at: InstantText | None = None


class KeyRevoked(Event):
    """An API key is used no longer."""

    type = "key.revoked"
    amends = "key"
    is_retraction = True
    subject_field = "key"
    example: ClassVar[Json] = {"key": _EXAMPLE_ID}
    key: UUID


EVENT_CLASSES: Final[Mapping[tuple[str, int], type[Event]]] = {
    (event_class.type, event_class.version): event_class
    for event_class in (
        *(ActorRegistered, ActorRevised, ActorMerged, ActorUnmerged),
        *(TopicRegistered, TopicRevised),
        *(StatementMade, StatementCorrected, StatementRetracted),
        *(PositionChanged, PositionCorrected, PositionRetracted),
        *(PayloadErased, FindingDismissed),
        *(KeyCreated, KeyRevoked),
    )
}


# Types are compared: pydantic's `isinstance` costs ten times as much, and every fold calls these.


def statement_after(event: Event) -> Statement | None:
    """The state in which an event leaves its statement; None if it is retracted."""
    if type(event) is StatementMade:
        return event
    if type(event) is StatementCorrected:
        return event.replacement
    if type(event) is StatementRetracted:
        return None
    raise TypeError(f"{event.type} gives no statement a new state")


def position_after(event: Event) -> Position | None:
    """The state in which an event leaves its position; None if it is retracted."""
    if type(event) is PositionChanged:
        return event
    if type(event) is PositionCorrected:
        return event.replacement
    if type(event) is PositionRetracted:
        return None
    raise TypeError(f"{event.type} gives no position a new state")


def changes_findings(event: Event) -> bool:
    """Whether what is found about the statement or position of an event may differ after it."""
    if type(event) is PayloadErased:
        return {*event.sections} != {"reason"}
    return event.amends in ("statement", "position")
