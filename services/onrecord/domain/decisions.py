"""May this request be recorded, and what exactly happens if so?

Pure: a state and a request go in, facts or a refusal come out. `ledger/append.py` calls it under
the ledger's lock, request after request, each over what the ones before it changed.
A request that was recorded already never gets here; the ledger answers it from its entries.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from onrecord.domain.event import Event
from onrecord.domain.events import (
    ActorMerged,
    ActorRevised,
    ActorUnmerged,
    PositionChanged,
    PositionCorrected,
    PositionRetracted,
    StatementCorrected,
    StatementRetracted,
)
from onrecord.domain.ids import EntityKind, additional_event_id, entity_id
from onrecord.domain.payload import Reference, references


class Touches(NamedTuple):
    """The actors and topics that an event is about, before and after; each sorted, each once."""

    actors: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()

    def __or__(self, other: "Touches") -> "Touches":
        if self == _NOBODY:
            return other
        return Touches(
            tuple(sorted({*self.actors, *other.actors})),
            tuple(sorted({*self.topics, *other.topics})),
        )


_NOBODY: Final = Touches()


class Pair(NamedTuple):
    """An (actor, topic) pair, of which positions are held."""

    actor: str
    topic: str


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that a request would append. `at`: where in the request's body it stands.

    Worked out when it is made, as it is asked for again and again under the ledger's lock: whom
    and what it names (`references`, their UUIDs in `named`) and the UUID of its own thing.
    """

    id: UUID
    event: Event
    pointer: str = ""
    subject: UUID = field(init=False, compare=False, repr=False)
    references: Sequence[Reference] = field(init=False, compare=False, repr=False)
    referenced_ids: Sequence[UUID] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        found = references(self.event, at=self.pointer)
        object.__setattr__(self, "subject", self.event.subject(self.id))
        object.__setattr__(self, "references", found)
        object.__setattr__(self, "named", [entity_id(one.kind, one.name) for one in found])


@dataclass(frozen=True, slots=True)
class Request:
    """What one writer wants recorded, all or nothing; the first draft is the request's own."""

    events: tuple[Draft, ...]

    @property
    def id(self) -> UUID:
        return self.events[0].id

    @property
    def next_additional_id(self) -> UUID:
        """The id that one more event along would have: on record only if another body was."""
        return additional_event_id(self.id, len(self.events) - 1)


class Entity(NamedTuple):
    """What the write side knows of a thing: its kind, whom its present state is about, its end."""

    kind: EntityKind
    touches: Touches = _NOBODY
    retracted: bool = False
    merged_into: str | None = None
    """The actor that reads of this one mean."""


@dataclass(slots=True)
class LedgerState:
    """What the ledger held of the things that a batch names, and what the batch changed since."""

    entities: dict[UUID, Entity] = field(default_factory=dict)
    revisions: dict[Pair, int] = field(default_factory=dict)

    def apply(self, facts: Iterable["AcceptedEvent"]) -> None:
        """Note what accepted facts change."""
        for fact in facts:
            event = fact.proposed.event
            if kind := event.makes or event.amends:
                self.entities[fact.proposed.subject] = entity_after(event, kind, fact.touches_after)
            for pair in fact.pairs:
                if pair in self.revisions:
                    self.revisions[pair] += 1


class AcceptedEvent(NamedTuple):
    """An accepted draft, with all that it touches."""

    proposed: Draft
    touches: Touches
    touches_after: Touches
    """Whom the state that it leaves behind is about."""
    pairs: tuple[Pair, ...]
    """The pairs whose revision it raises."""


Reason = Literal[
    "unknown-reference",
    "unknown-target",
    "already-retracted",
    "merged",
    "not-merged",
    "self-reference",
    "id-reused",
    "slug-taken",
    "revision-conflict",
    "entry-too-large",
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not recorded. `faults`: pointers into its body with what is wrong there."""

    reason: Reason
    errors: tuple[tuple[str, str], ...] = ()
    unknown_references: tuple[Reference, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


def named(request: Request) -> Iterator[UUID]:
    """The things of which `decide` wants to know whether they are on record."""
    for draft in request.events:
        yield draft.subject
        yield from draft.referenced_ids


def amended(request: Request) -> Iterator[UUID]:
    """The things of which `decide` wants to know whom their present state is about."""
    for draft in request.events:
        if draft.event.amends or draft.event.erases:
            yield draft.subject
        if type(draft.event) is ActorMerged:
            yield entity_id("actor", draft.event.into)


def expected(request: Request) -> Iterator[Pair]:
    """The pairs whose revision `decide` wants to know."""
    for draft in request.events:
        event = draft.event
        if type(event) is PositionChanged and event.expected_revision is not None:
            yield Pair(event.actor, event.topic)


def decide(request: Request, state: LedgerState) -> tuple[AcceptedEvent, ...] | Refusal:
    """Judge a request over a state."""
    made: dict[UUID, EntityKind] = {}
    unknown: list[Reference] = []
    for draft in request.events:
        event, subject = draft.event, draft.subject
        target = state.entities.get(subject)
        if event.makes and target:
            return Refusal("id-reused", ((f"{draft.pointer}/id", "names something else already"),))
        of = event.amends or event.erases
        if of and (target is None or target.kind != of):
            return Refusal("unknown-target", details={"kind": of})
        if target and target.retracted and is_retraction(event):
            return Refusal("already-retracted", details={"kind": event.amends})
        for reference, thing in zip(draft.references, draft.referenced_ids, strict=True):
            if thing == subject and event.amends in (None, "statement", "topic"):
                return Refusal("self-reference", ((reference.pointer, "names itself"),))
            found = state.entities.get(thing)
            if (found.kind if found else made.get(thing)) != reference.kind:
                unknown.append(reference)
        if event.makes:
            made[subject] = event.makes
    if unknown:
        return Refusal("unknown-reference", unknown_references=tuple(unknown))
    refused = _merged(request, state) or _revised(request, state)
    return refused or tuple(_accept(draft, state) for draft in request.events)


def _merged(request: Request, state: LedgerState) -> Refusal | None:
    """An actor is merged once, into one that is not merged itself: so no merges form a circle.

    While it is merged its own state does not change, as nobody would see it.
    """
    for draft in request.events:
        event = draft.event
        # types are compared, here and below: pydantic's `isinstance` costs ten times as much
        if type(event) not in (ActorMerged, ActorUnmerged, ActorRevised):
            continue
        if type(event) is ActorMerged:
            if event.into == event.actor:
                return Refusal("self-reference", ((f"{draft.at}/into", "names itself"),))
            if further := state.entities[entity_id("actor", event.into)].merged_into:
                told = f"is merged into {further!r} itself; name that one"
                return Refusal("merged", ((f"{draft.at}/into", told),), details={"into": further})
        into = state.entities[draft.subject].merged_into
        if (type(event) is ActorUnmerged) != (into is not None):
            return Refusal("merged", details={"into": into}) if into else Refusal("not-merged")
    return None


def _revised(request: Request, state: LedgerState) -> Refusal | None:
    """Optimistic lock: a position that expects another revision of its pair is refused."""
    along: dict[Pair, int] = {}
    for draft in request.events:
        event = draft.event
        if type(event) is not PositionChanged:
            continue
        pair = Pair(event.actor, event.topic)
        if event.expected_revision is not None:
            current = state.revisions.get(pair, 0) + along.get(pair, 0)
            if event.expected_revision != current:
                fault = f"expected {event.expected_revision}, the current revision is {current}"
                return Refusal(
                    "revision-conflict",
                    ((f"{draft.at}/expected_revision", fault),),
                    details={"current_revision": current},
                )
        along[pair] = along.get(pair, 0) + 1
    return None


def _accept(draft: Draft, state: LedgerState) -> AcceptedEvent:
    event, thing = draft.event, state.entities.get(draft.subject)
    before = thing.touches if thing else _NOBODY
    after = touches_after(event, before, draft.references)
    pairs: tuple[Pair, ...] = ()
    if "position" in (event.makes, event.amends):
        # What was retracted holds no place any more, so a correction that undoes it leaves none.
        left = thing is not None and not thing.retracted
        ends = (before, after) if left else (after,)
        pairs = tuple(sorted({Pair(end.actors[0], end.topics[0]) for end in ends}))
    return AcceptedEvent(draft, before | after, after, pairs)


def entity_after(event: Event, kind: EntityKind, about: Touches) -> Entity:
    """What the write side knows of a thing of which this was the last event."""
    into = event.into if type(event) is ActorMerged else None
    return Entity(kind, about, is_retraction(event), into)


def is_retraction(event: Event) -> bool:
    """Does the event take its thing off the record?"""
    return type(event) in (StatementRetracted, PositionRetracted)


def touches_after(event: Event, before: Touches, named: Sequence[Reference]) -> Touches:
    """Whom the state that an event leaves behind is about; a retraction's is about those before.

    `named`: the event's references.
    """
    own = Touches(
        tuple(sorted({str(one.name) for one in named if one.kind == "actor"})),
        tuple(sorted({str(one.name) for one in named if one.kind == "topic"})),
    )
    if type(event) in (StatementCorrected, PositionCorrected):
        return own
    if event.erases or event.amends in ("statement", "position"):
        return before
    if event.makes == "actor" or event.amends == "actor":
        name: str = getattr(event, "id", "") or getattr(event, "actor", "")
        return own | Touches(actors=(name,))
    if event.makes == "topic" or event.amends == "topic":
        return own | Touches(topics=(getattr(event, "id", ""),))
    return own
