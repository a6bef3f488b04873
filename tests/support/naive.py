"""A naive model of the read API: answers computed from the list of events, for comparison.

It uses the event classes and the bounds of dates, and no code that stores, orders or folds
positions. Each function iterates over all events below a size of the ledger. The rules are written
anew from `DESIGN.md`, sections 3 and 5; the code is slow and simple on purpose.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from onrecord.domain.dates import Bounds, bounds
from onrecord.domain.event import RecordedEvent
from onrecord.domain.events import (
    ActorMerged,
    ActorRegistered,
    ActorRevised,
    ActorUnmerged,
    PositionChanged,
    PositionCorrected,
    PositionRetracted,
    StatementCorrected,
    StatementMade,
    StatementRetracted,
    TopicRegistered,
    TopicRevised,
)
from tests.support.true_dates import possible_steps

Pair = tuple[str, str]
FullStance = tuple[str | None, str | None]
"""A stance with its condition; (None, None) if there is no position."""

NO_STANCE: FullStance = (None, None)
SCALE = {
    "oppose": -2,
    "conditional_oppose": -1,
    "neutral": 0,
    "conditional_support": +1,
    "support": +2,
}


@dataclass(frozen=True)
class Step:
    """A position at a size of the ledger. `fields`: of the event, or of its last replacement."""

    id: UUID
    made_seq: int
    fields: Any

    @property
    def full_stance(self) -> FullStance:
        return self.fields.stance, self.fields.condition

    @property
    def dates(self) -> Bounds:
        return bounds(self.fields.effective)

    @property
    def turn(self) -> tuple[int, int]:
        return self.fields.order, self.made_seq

    @property
    def place(self) -> tuple[datetime, int, int]:
        return (self.dates.sorts_at, *self.turn)


@dataclass(frozen=True)
class Wording:
    """A statement at a size of the ledger."""

    fields: Any
    status: str


def events_below(events: Sequence[RecordedEvent], size: int) -> Iterator[RecordedEvent]:
    """The events recorded at a size, in order."""
    return (event for event in sorted(events, key=lambda event: event.seq) if event.seq < size)


def root(events: Sequence[RecordedEvent], name: str, size: int) -> str:
    """The actor that an actor is merged into at a size, or that actor itself."""
    into: dict[str, str] = {}
    for recorded in events_below(events, size):
        if isinstance(recorded.event, ActorMerged):
            into[recorded.event.actor] = recorded.event.into
        elif isinstance(recorded.event, ActorUnmerged):
            del into[recorded.event.actor]
    while name in into:
        name = into[name]
    return name


def steps(events: Sequence[RecordedEvent], pair: Pair, size: int) -> list[Step]:
    """The timeline of a pair at a size, in valid-time order, with those of merged actors."""
    positions: dict[UUID, Step] = {}
    made_seqs: dict[UUID, int] = {}
    for recorded in events_below(events, size):
        event = recorded.event
        if isinstance(event, PositionChanged):
            made_seqs[recorded.id] = recorded.seq
            positions[recorded.id] = Step(recorded.id, recorded.seq, event)
        elif isinstance(event, PositionCorrected):
            positions[event.target] = Step(event.target, made_seqs[event.target], event.replacement)
        elif isinstance(event, PositionRetracted):
            del positions[event.target]
    actor, topic = root(events, pair[0], size), pair[1]
    names = {step.fields.actor for step in positions.values()}
    merged = {name for name in names if root(events, name, size) == actor}
    timeline = [
        step
        for step in positions.values()
        if step.fields.actor in merged and step.fields.topic == topic
    ]
    return sorted(timeline, key=lambda step: step.place)


def revision(events: Sequence[RecordedEvent], pair: Pair, size: int) -> int:
    """The number of events that added a position to the pair, amended it there, or removed it.

    A retracted position belongs to no pair: a correction of it changes only the new pair.
    """
    pairs: dict[UUID, Pair] = {}
    touched: set[int] = set()
    for recorded in events_below(events, size):
        event = recorded.event
        before = pairs.pop(recorded.subject, None)
        if isinstance(event, PositionChanged):
            pairs[recorded.id] = (event.actor, event.topic)
        elif isinstance(event, PositionCorrected):
            pairs[event.target] = (event.replacement.actor, event.replacement.topic)
        elif not isinstance(event, PositionRetracted):
            continue
        if pair in (before, pairs.get(recorded.subject)):
            touched.add(recorded.seq)
    return len(touched)


def step_at(timeline: Sequence[Step], as_of: datetime) -> Step | None:
    """The position effective at an instant: the last that began by then."""
    begun = [step for step in timeline if step.dates.sorts_at <= as_of]
    return begun[-1] if begun else None


def previous(timeline: Sequence[Step], step: Step) -> Step | None:
    """The step before a step."""
    earlier = [other for other in timeline if other.place < step.place]
    return earlier[-1] if earlier else None


def since(timeline: Sequence[Step], step: Step) -> str:
    """The date since which the stance and condition of a step have not changed."""
    first = step
    while (
        before := previous(timeline, first)
    ) is not None and before.full_stance == step.full_stance:
        first = before
    return str(first.fields.effective)


def may_be_interrupted(timeline: Sequence[Step], as_of: datetime) -> bool:
    """Whether another stance may have been held since the first of the steps up to the one at an
    instant that have its stance and condition.
    """
    step = step_at(timeline, as_of)
    assert step
    run = [step]
    while (before := previous(timeline, run[-1])) and before.full_stance == step.full_stance:
        run.append(before)
    return any(
        other.dates.latest >= run[-1].dates.earliest
        and other.dates.earliest <= step.dates.latest
        and other.dates != run[-1].dates
        for other in timeline
        if other.full_stance != step.full_stance
    )


def kind(before: Step | None, after: Step) -> str:
    """The kind of change from the step before: the first rule that fits (DESIGN section 3)."""
    if before is None:
        return "adopted"
    old, new = before.fields.stance, after.fields.stance
    x, y = SCALE.get(old), SCALE.get(new)
    on_scale = x is not None and y is not None
    # both are numbers where `on_scale`
    same_side = on_scale and ((x > 0 and y > 0) or (x < 0 and y < 0))  # type: ignore[operator]
    both_conditional = old.startswith("conditional_") and new.startswith("conditional_")
    rules = {
        "reaffirmed": before.full_stance == after.full_stance,
        "adopted": old == "no_position",
        "conditions_changed": old == new and both_conditional,
        "softened": same_side and abs(y or 0) < abs(x or 0),
        "hardened": same_side and abs(y or 0) > abs(x or 0),
        "shifted": x in (0, None) or y in (0, None) or both_conditional,
        "reversed": True,
    }
    return next(name for name, fits in rules.items() if fits)


def change_size(before: Step | None, after: Step) -> int | None:
    """The distance of a step on the scale; None if either stance is not on it."""
    ends = {SCALE.get(before.fields.stance if before else ""), SCALE.get(after.fields.stance)}
    # no None is left in `ends` here
    return None if None in ends else max(ends) - min(ends)  # type: ignore[type-var, operator]


def certainty(timeline: Sequence[Step], as_of: datetime) -> tuple[str, set[UUID | None]]:
    """`definite`, or `possible` with the other steps that may be effective (None: no step)."""
    possible = possible_steps(timeline, as_of)
    if len({step.full_stance if step else NO_STANCE for step in possible}) == 1:
        return "definite", set()
    now = step_at(timeline, as_of)
    return "possible", {step.id if step else None for step in possible if step != now}


def statement(events: Sequence[RecordedEvent], id_: UUID, size: int) -> Wording | None:
    """A statement at a size: its last wording and its status."""
    wording: Wording | None = None
    for recorded in events_below(events, size):
        event = recorded.event
        if isinstance(event, StatementMade) and recorded.id == id_:
            wording = Wording(event, "on_record")
        elif isinstance(event, StatementCorrected) and event.target == id_:
            wording = Wording(event.replacement, "corrected")
        elif isinstance(event, StatementRetracted) and event.target == id_:
            assert wording is not None
            wording = Wording(wording.fields, "retracted")
    return wording


def actor(
    events: Sequence[RecordedEvent], id_: str, size: int
) -> ActorRegistered | ActorRevised | None:
    """The last state of an actor at a size."""
    state = None
    for recorded in events_below(events, size):
        if isinstance(recorded.event, ActorRegistered | ActorRevised) and recorded.event.id == id_:
            state = recorded.event
    return state


def topic(
    events: Sequence[RecordedEvent], id_: str, size: int
) -> TopicRegistered | TopicRevised | None:
    """The last state of a topic at a size."""
    state = None
    for recorded in events_below(events, size):
        if isinstance(recorded.event, TopicRegistered | TopicRevised) and recorded.event.id == id_:
            state = recorded.event
    return state
