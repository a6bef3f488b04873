"""A naive model of the read API: answers computed in the most obvious way from the list of events.

Tests compare the projections with it. It uses the event classes and the bounds of dates, but no
code that stores, orders or folds positions. Every answer walks all events below a size.
The rules are written again from `DESIGN.md`, sections 3 and 5, slowly and plainly on purpose.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise, product
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

Pair = tuple[str, str]
Span = tuple[datetime, datetime]
Stand = tuple[str | None, str | None]
"""A stance with its condition; (None, None): no position."""

NOTHING: Stand = (None, None)
POINTS = {
    "oppose": -2,
    "conditional_oppose": -1,
    "neutral": 0,
    "conditional_support": +1,
    "support": +2,
}


@dataclass(frozen=True)
class Step:
    """A position at some size. `said`: its event or the replacement in it."""

    id: UUID
    made_seq: int
    fields: Any

    @property
    def stand(self) -> Stand:
        return self.fields.stance, self.fields.condition

    @property
    def dates(self) -> Bounds:
        return bounds(self.fields.effective)

    @property
    def span(self) -> Span:
        return self.dates[:2]

    @property
    def place(self) -> tuple[datetime, int, int]:
        return self.dates.sorts_at, self.fields.order, self.made_seq


@dataclass(frozen=True)
class Wording:
    """A statement at some size."""

    fields: Any
    status: str


def events_below(events: Sequence[RecordedEvent], size: int) -> Iterator[RecordedEvent]:
    """The events below a size, in order."""
    return (event for event in sorted(events, key=lambda event: event.seq) if event.seq < size)


def root(events: Sequence[RecordedEvent], name: str, size: int) -> str:
    """The actor that reads of a name mean at a size."""
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
    """The timeline of a pair at a size, of all actors merged into one, in valid-time order."""
    current: dict[UUID, Step] = {}
    made_seqs: dict[UUID, int] = {}
    for recorded in events_below(events, size):
        event = recorded.event
        if isinstance(event, PositionChanged):
            made_seqs[recorded.id] = recorded.seq
            current[recorded.id] = Step(recorded.id, recorded.seq, event)
        elif isinstance(event, PositionCorrected):
            current[event.target] = Step(event.target, made_seqs[event.target], event.replacement)
        elif isinstance(event, PositionRetracted):
            del current[event.target]
    actor, topic = root(events, pair[0], size), pair[1]
    names = {step.fields.actor for step in current.values()}
    mean = {name for name in names if root(events, name, size) == actor}
    timeline = [
        step
        for step in current.values()
        if step.fields.actor in mean and step.fields.topic == topic
    ]
    return sorted(timeline, key=lambda step: step.place)


def revision(events: Sequence[RecordedEvent], pair: Pair, size: int) -> int:
    """The number of events that moved a position into the pair, within it or out of it.

    A retracted position is in no pair, so a correction that undoes this moves it out of none.
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
    """The step that holds at an instant: the last that began by then."""
    begun = [step for step in timeline if step.dates.sorts_at <= as_of]
    return begun[-1] if begun else None


def previous(timeline: Sequence[Step], step: Step) -> Step | None:
    """The step before a step."""
    earlier = [other for other in timeline if other.place < step.place]
    return earlier[-1] if earlier else None


def since(timeline: Sequence[Step], step: Step) -> str:
    """The date from which the stance and condition of a step have been held without a break."""
    first = step
    while (before := previous(timeline, first)) is not None and before.stand == step.stand:
        first = before
    return str(first.fields.effective)


def kind(before: Step | None, after: Step) -> str:
    """The kind of a step after another one: the first rule that fits (DESIGN section 3)."""
    if before is None:
        return "adopted"
    was, now = before.fields.stance, after.fields.stance
    x, y = POINTS.get(was), POINTS.get(now)
    on_scale = x is not None and y is not None
    # both are numbers where `on_scale`
    same_side = on_scale and ((x > 0 and y > 0) or (x < 0 and y < 0))  # type: ignore[operator]
    both_conditional = was.startswith("conditional_") and now.startswith("conditional_")
    rules = {
        "reaffirmed": before.stand == after.stand,
        "adopted": was == "no_position",
        "conditions_changed": was == now and both_conditional,
        "softened": same_side and abs(y or 0) < abs(x or 0),
        "hardened": same_side and abs(y or 0) > abs(x or 0),
        "shifted": x in (0, None) or y in (0, None) or both_conditional,
        "reversed": True,
    }
    return next(name for name, fits in rules.items() if fits)


def change_size(before: Step | None, after: Step) -> int | None:
    """The distance of a step on the scale, None off it."""
    ends = {POINTS.get(before.fields.stance if before else ""), POINTS.get(after.fields.stance)}
    # no None is left in `ends` here
    return None if None in ends else max(ends) - min(ends)  # type: ignore[type-var, operator]


def candidates(timeline: Sequence[Step], as_of: datetime) -> dict[Span, list[datetime]]:
    """For each inexact date of a timeline, enough exact dates to reach every possible order.

    Every first and last instant of any date, `as_of` and the instant after it, and one instant
    between each two of them.
    """
    edges = {edge for step in timeline for edge in step.span} | {as_of}
    if as_of < datetime.max.replace(tzinfo=as_of.tzinfo):
        edges.add(as_of + timedelta(microseconds=1))
    between = {low + (high - low) // 2 for low, high in pairwise(sorted(edges))}
    instants = sorted(edges | between)
    return {
        span: [at for at in instants if span[0] <= at <= span[1]]
        for span in {step.span for step in timeline}
    }


def possible_steps(timeline: Sequence[Step], as_of: datetime) -> set[Step | None]:
    """The steps that hold at `as_of` under some choice of exact dates; None: no step.

    Steps with equal bounds share one date, all others are independent: so a step may hold on a date
    of its own if each other date has a choice under which all its steps come earlier, or after
    `as_of`.
    """
    free = candidates(timeline, as_of)
    possible: set[Step | None] = set()
    if all(any(at > as_of for at in choices) for choices in free.values()):
        possible.add(None)
    for step in timeline:
        for at in free[step.span]:
            if at > as_of:
                continue
            place = (at, step.fields.order, step.made_seq)
            rivals = [rival for rival in timeline if rival != step]
            if all(
                any(
                    all(
                        instant > as_of or (instant, rival.fields.order, rival.made_seq) < place
                        for rival in rivals
                        if rival.span == span
                    )
                    for instant in ([at] if span == step.span else choices)
                )
                for span, choices in free.items()
            ):
                possible.add(step)
    return possible


def possible_steps_by_enumeration(timeline: Sequence[Step], as_of: datetime) -> set[Step | None]:
    """The same as `possible_steps` by trying every choice of dates: for short timelines only."""
    free = candidates(timeline, as_of)
    possible: set[Step | None] = set()
    for chosen in product(*free.values()):
        at = dict(zip(free, chosen, strict=True))
        begun = [step for step in timeline if at[step.span] <= as_of]
        by_date = sorted(begun, key=lambda step: (at[step.span], step.fields.order, step.made_seq))
        possible.add(by_date[-1] if by_date else None)
    return possible


def certainty(timeline: Sequence[Step], as_of: datetime) -> tuple[str, set[UUID | None]]:
    """`definite`, or `possible` with the other steps that may hold (None: no step)."""
    may = possible_steps(timeline, as_of)
    if len({step.stand if step else NOTHING for step in may}) == 1:
        return "definite", set()
    now = step_at(timeline, as_of)
    return "possible", {step.id if step else None for step in may if step != now}


def statement(events: Sequence[RecordedEvent], id_: UUID, size: int) -> Wording | None:
    """A statement at a size: its latest text, and its status."""
    latest: Wording | None = None
    for recorded in events_below(events, size):
        event = recorded.event
        if isinstance(event, StatementMade) and recorded.id == id_:
            latest = Wording(event, "on_record")
        elif isinstance(event, StatementCorrected) and event.target == id_:
            latest = Wording(event.replacement, "corrected")
        elif isinstance(event, StatementRetracted) and event.target == id_:
            assert latest is not None
            latest = Wording(latest.fields, "retracted")
    return latest


def actor(
    events: Sequence[RecordedEvent], id_: str, size: int
) -> ActorRegistered | ActorRevised | None:
    """The last state of an actor at a size."""
    latest = None
    for recorded in events_below(events, size):
        if isinstance(recorded.event, ActorRegistered | ActorRevised) and recorded.event.id == id_:
            latest = recorded.event
    return latest


def topic(
    events: Sequence[RecordedEvent], id_: str, size: int
) -> TopicRegistered | TopicRevised | None:
    """The last state of a topic at a size."""
    latest = None
    for recorded in events_below(events, size):
        if isinstance(recorded.event, TopicRegistered | TopicRevised) and recorded.event.id == id_:
            latest = recorded.event
    return latest
