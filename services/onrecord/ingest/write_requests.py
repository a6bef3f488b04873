"""Write requests: what the bodies of the write API ask the ledger to record.

Used by `routes` and `lines`. Shapes are validated by `schemas`; everything else is decided by
`domain.decisions` under the ledger's lock.
"""

from typing import Any, Final, TypeVar, cast
from uuid import UUID

from pydantic import BaseModel

from onrecord.domain.event import Event
from onrecord.domain.events import (
    ActorMerged,
    ActorRegistered,
    ActorRevised,
    ActorUnmerged,
    FindingDismissed,
    PayloadErased,
    PositionChanged,
    PositionCorrected,
    PositionRetracted,
    StatementCorrected,
    StatementMade,
    StatementRetracted,
    TopicRegistered,
    TopicRevised,
)
from onrecord.domain.ids import additional_event_id
from onrecord.domain.requests import ProposedEvent, Request
from onrecord.ingest.schemas import (
    ActorIn,
    ActorRevisionIn,
    DismissalIn,
    ErasureIn,
    MergeIn,
    PositionCorrectionIn,
    PositionIn,
    RetractionIn,
    StatementCorrectionIn,
    StatementIn,
    TopicIn,
    TopicRevisionIn,
    UnmergeIn,
)

E = TypeVar("E", bound=Event)

_NO_ID: Final = UUID(int=0)
"""An actor's or topic's id follows from its slug alone."""


def new_actor(body: ActorIn) -> Request:
    """Register an actor."""
    event = _event(ActorRegistered, body)
    return Request((ProposedEvent(event.subject(_NO_ID), event),))


def new_topic(body: TopicIn) -> Request:
    """Register a topic."""
    event = _event(TopicRegistered, body)
    return Request((ProposedEvent(event.subject(_NO_ID), event),))


def actor_revision(body: ActorRevisionIn, id_: UUID, slug: str) -> Request:
    """Give an actor a new state."""
    return Request((ProposedEvent(id_, _event(ActorRevised, body, id=slug)),))


def actor_merge(body: MergeIn, id_: UUID, slug: str) -> Request:
    """Make reads of an actor mean another actor."""
    return Request((ProposedEvent(id_, _event(ActorMerged, body, actor=slug)),))


def actor_unmerge(body: UnmergeIn, id_: UUID, slug: str) -> Request:
    """Make reads of an actor mean itself again."""
    return Request((ProposedEvent(id_, _event(ActorUnmerged, body, actor=slug)),))


def topic_revision(body: TopicRevisionIn, id_: UUID, slug: str) -> Request:
    """Give a topic a new state."""
    return Request((ProposedEvent(id_, _event(TopicRevised, body, id=slug)),))


def new_statement(body: StatementIn, id_: UUID) -> Request:
    """Record a statement and the positions in its body, each with the statement as basis."""
    drafts = [ProposedEvent(id_, _event(StatementMade, body))]
    for n, position in enumerate(body.positions):
        basis = (id_, *(other for other in position.basis if other != id_))
        coder = position.coder or body.coder
        event = _event(PositionChanged, position, basis=basis, coder=coder)
        drafts.append(ProposedEvent(additional_event_id(id_, n), event, f"/positions/{n}"))
    return Request(tuple(drafts))


def new_position(body: PositionIn, id_: UUID) -> Request:
    """Record a position."""
    return Request((ProposedEvent(id_, _event(PositionChanged, body)),))


def amendment(
    event_class: type[
        StatementCorrected | StatementRetracted | PositionCorrected | PositionRetracted
    ],
    body: StatementCorrectionIn | PositionCorrectionIn | RetractionIn,
    id_: UUID,
    target: UUID,
) -> Request:
    """Correct or retract the statement or position `target`."""
    return Request((ProposedEvent(id_, _event(event_class, body, target=target)),))


def new_dismissal(body: DismissalIn, id_: UUID) -> Request:
    """Leave a finding as it is."""
    return Request((ProposedEvent(id_, _event(FindingDismissed, body)),))


def erasure(body: ErasureIn, id_: UUID, target: UUID) -> Request:
    """Erase words of the statement `target`."""
    return Request((ProposedEvent(id_, _event(PayloadErased, body, target=target)),))


def _event(event_class: type[E], body: BaseModel, **more: Any) -> E:
    """The event in a body: the fields that both have, which are validated already, and `more`."""
    values = vars(body)
    shared = {name: values[name] for name in event_class.model_fields if name in values}
    return cast(E, event_class.model_construct(**{**shared, **more}))
