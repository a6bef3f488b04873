"""The decision whether a write request may be recorded, over the state of the ledger.

Pure functions: `decide` takes a request and a state, and returns accepted events or a refusal. The
ledger calls it under its lock, request by request, and applies what was accepted to the state in
between. The ledger itself answers a request that is on record already.

Types of events are compared with `type(event) is ...`: pydantic's `isinstance` costs ten times as
much.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from onrecord.domain.dates import bounds
from onrecord.domain.event import Event
from onrecord.domain.events import (
    ActorMerged,
    ActorUnmerged,
    FindingDismissed,
    PositionChanged,
    changes_findings,
    statement_after,
)
from onrecord.domain.ids import EntityKind, entity_id
from onrecord.domain.payload import Reference
from onrecord.domain.requests import Pair, ProposedEvent, Refusal, Request


class Touches(NamedTuple):
    """The actors and topics that an event is about, before and after it; sorted and distinct."""

    actors: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()

    def __or__(self, other: "Touches") -> "Touches":
        if self == _NO_TOUCHES:
            return other
        return Touches(
            tuple(sorted({*self.actors, *other.actors})),
            tuple(sorted({*self.topics, *other.topics})),
        )


_NO_TOUCHES: Final = Touches()


class Entity(NamedTuple):
    """What the write side knows of an actor, topic, statement or position."""

    kind: EntityKind
    touches: Touches = _NO_TOUCHES
    """Of its present state."""
    retracted: bool = False
    merged_into: str | None = None
    """The slug of the actor that it is merged into."""
    changed_seq: int = 0
    """Of a statement or position: the seq of the last event that `changes_findings`, or made it."""


class AcceptedEvent(NamedTuple):
    """A proposed event that may be appended."""

    proposed: ProposedEvent
    touches: Touches
    touches_after: Touches
    """Of the state in which it leaves its subject."""
    pairs: tuple[Pair, ...]
    """The pairs whose revision it increments."""


_FUTURE: Final = timedelta(days=1)
"""How far ahead a statement may be dated: somewhere it is tomorrow already, and clocks differ."""


@dataclass(slots=True)
class LedgerState:
    """The entities and revisions that the requests of a batch need, changed by each of them."""

    recorded_at: datetime
    """When the batch is recorded, by the clock of the ledger."""
    entities: dict[UUID, Entity] = field(default_factory=dict)
    revisions: dict[Pair, int] = field(default_factory=dict)
    size: int = 0
    """The number of entries."""

    def apply(self, accepted: Iterable[AcceptedEvent]) -> None:
        """Change the state as accepted events do."""
        for new in accepted:
            event = new.proposed.event
            subject = new.proposed.subject
            if kind := event.makes or event.amends:
                after = entity_after(event, kind, new.touches_after, self.size)
                self.entities[subject] = after
            elif changes_findings(event):
                self.entities[subject] = self.entities[subject]._replace(changed_seq=self.size)
            for pair in new.pairs:
                if pair in self.revisions:
                    self.revisions[pair] += 1
            self.size += 1


def decide(
    request: Request, state: LedgerState, *, check_revisions: bool = True
) -> tuple[AcceptedEvent, ...] | Refusal:
    """Accept all events of a request, or refuse it. The state is not changed.

    `check_revisions`: whether `expected_revision`, and the `known_size` of a dismissal, are
    compared with the state.
    """
    created: dict[UUID, EntityKind] = {}
    unknown: list[Reference] = []
    for proposed in request.events:
        event, subject = proposed.event, proposed.subject
        target = state.entities.get(subject)
        if event.makes and target:
            message = "names something else already"
            return Refusal("id-reused", ((f"{proposed.pointer}/id", message),))
        target_kind = event.amends or event.erases
        if target_kind and (target is None or target.kind != target_kind):
            return Refusal("unknown-target", details={"kind": target_kind})
        if target and target.retracted and event.is_retraction:
            return Refusal("already-retracted", details={"kind": event.amends})
        for reference, id_ in zip(proposed.references, proposed.referenced_ids, strict=True):
            # `actor.merged` names its own subject; its other rules are in `_refuse_merge`
            if id_ == subject and event.amends in (None, "statement", "topic"):
                return Refusal("self-reference", ((reference.pointer, "names itself"),))
            entity = state.entities.get(id_)
            if (entity.kind if entity else created.get(id_)) != reference.kind:
                unknown.append(reference)
        if event.makes:
            created[subject] = event.makes
    if unknown:
        return Refusal("unknown-reference", unknown_references=tuple(unknown))
    refusal = _refuse_future_dates(request, state) or _refuse_merge(request, state)
    if check_revisions:
        refusal = refusal or _refuse_revision(request, state) or _refuse_dismissal(request, state)
    return refusal or tuple(_accept(proposed, state) for proposed in request.events)


def _refuse_future_dates(request: Request, state: LedgerState) -> Refusal | None:
    """Refuse a statement that is said, or published, later than it is recorded.

    A date counts where it stands in lists: `../D` at the end of D. The date from which a position
    is held may lie ahead, as that is announced.
    """
    errors: list[tuple[str, str]] = []
    for proposed in request.events:
        event = proposed.event
        if "statement" not in (event.makes, event.amends) or event.is_retraction:
            continue
        statement = statement_after(event)
        assert statement is not None
        pointer = f"{proposed.pointer}/replacement" if event.amends else proposed.pointer
        dates = {f"{pointer}/said_at": statement.said_at}
        for n, evidence in enumerate(statement.evidence):
            if evidence.published_at is not None:
                dates[f"{pointer}/evidence/{n}/published_at"] = evidence.published_at
        for at, date in dates.items():
            if bounds(date).sorts_at > state.recorded_at + _FUTURE:
                today = state.recorded_at.astimezone(UTC).date()
                hint = f"; write ../{today}" if date.startswith("../") else ""
                errors.append((at, f"{date} ends more than a day ahead of today, {today}{hint}"))
    return Refusal("future-date", tuple(errors)) if errors else None


def _refuse_merge(request: Request, state: LedgerState) -> Refusal | None:
    """Refuse a merge into an actor that is merged itself, so that no merges form a circle.

    A merged actor cannot be amended except by unmerging it: reads would not show the change.
    """
    for proposed in request.events:
        event = proposed.event
        if event.amends != "actor":
            continue
        if type(event) is ActorMerged:
            pointer = f"{proposed.pointer}/into"
            if event.into == event.actor:
                return Refusal("self-reference", ((pointer, "names itself"),))
            if root := state.entities[entity_id("actor", event.into)].merged_into:
                message = f"is merged into {root!r} itself; name that one"
                return Refusal("merged", ((pointer, message),), details={"into": root})
        into = state.entities[proposed.subject].merged_into
        if (type(event) is ActorUnmerged) != (into is not None):
            return Refusal("merged", details={"into": into}) if into else Refusal("not-merged")
    return None


def _refuse_revision(request: Request, state: LedgerState) -> Refusal | None:
    """Optimistic locking: refuse a position whose pair has another revision than it expects."""
    earlier: dict[Pair, int] = {}  # positions of the same pair in this request
    for proposed in request.events:
        event = proposed.event
        if type(event) is not PositionChanged:
            continue
        pair = Pair(event.actor, event.topic)
        if event.expected_revision is not None:
            current = state.revisions.get(pair, 0) + earlier.get(pair, 0)
            if event.expected_revision != current:
                return _revision_conflict(proposed, event, current, state)
        earlier[pair] = earlier.get(pair, 0) + 1
    return None


def _revision_conflict(
    proposed: ProposedEvent, event: PositionChanged, current: int, state: LedgerState
) -> Refusal:
    """The refusal says whose revision was compared: merges move no events to another actor."""
    message = (
        f"expected {event.expected_revision}, the current revision"
        f" of {event.actor!r} on {event.topic!r} is {current}"
    )
    details = {"current_revision": current, "actor": event.actor, "topic": event.topic}
    actor = state.entities[entity_id("actor", event.actor)]
    if into := actor.merged_into:
        message += f"; it is merged into {into!r}, whose own events count for its revision"
        details["merged_into"] = into
    fault = (f"{proposed.pointer}/expected_revision", message)
    return Refusal("revision-conflict", (fault,), details=details)


def _refuse_dismissal(request: Request, state: LedgerState) -> Refusal | None:
    """Refuse to leave a finding as it is if what it is about changed since it was read.

    Whether there is such a finding at that size, only a reader of positions and dates could say.
    """
    for proposed in request.events:
        event = proposed.event
        if type(event) is not FindingDismissed:
            continue
        if event.known_size > state.size:
            message = f"{event.known_size} is beyond the record, which has {state.size} entries"
            return Refusal("invalid", ((f"{proposed.pointer}/known_size", message),))
        changed, retracted = [], []
        for reference, id_ in zip(proposed.references, proposed.referenced_ids, strict=True):
            entity = state.entities[id_]
            if entity.changed_seq >= event.known_size:
                message = f"changed with seq {entity.changed_seq}, after size {event.known_size}"
                changed.append((reference.pointer, message))
            elif entity.retracted and (event.kind, entity.kind) != ("unsupported", "statement"):
                message = "is retracted, and so in no finding of this kind"
                retracted.append((reference.pointer, message))
        if changed:
            return Refusal("finding-changed", tuple(changed))
        if retracted:
            return Refusal("invalid", tuple(retracted))
    return None


def _accept(proposed: ProposedEvent, state: LedgerState) -> AcceptedEvent:
    event, subject = proposed.event, state.entities.get(proposed.subject)
    before = subject.touches if subject else _NO_TOUCHES
    after = touches_after(event, before, proposed.references)
    if type(event) is FindingDismissed:
        for id_ in proposed.referenced_ids:
            after |= state.entities[id_].touches
    pairs: tuple[Pair, ...] = ()
    if "position" in (event.makes, event.amends):
        # A retracted position is in no timeline, so a correction that undoes it leaves none.
        was_held = subject is not None and not subject.retracted
        states = (before, after) if was_held else (after,)
        pairs = tuple(sorted({Pair(about.actors[0], about.topics[0]) for about in states}))
    return AcceptedEvent(proposed, before | after, after, pairs)


def entity_after(event: Event, kind: EntityKind, touches: Touches, seq: int) -> Entity:
    """An entity whose latest event this is, with this seq, and whose state is about `touches`."""
    into = event.into if type(event) is ActorMerged else None
    return Entity(kind, touches, event.is_retraction, into, seq)


def touches_after(event: Event, before: Touches, refs: Sequence[Reference]) -> Touches:
    """Touches of the state in which an event leaves its subject; `refs`: the event's references.

    A statement or position whose event refers to nothing (a retraction, an erasure) is about what
    it was about before.
    """
    kind, slug = event.subject_kind(), event.slug
    if not refs and slug is None:
        return before
    actors = {str(ref.name) for ref in refs if ref.kind == "actor"}
    topics = {str(ref.name) for ref in refs if ref.kind == "topic"}
    if slug is not None:
        (actors if kind == "actor" else topics).add(slug)
    return Touches(tuple(sorted(actors)), tuple(sorted(topics)))
