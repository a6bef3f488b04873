"""What must the record answer, worked out in the most obvious way from the list of its events?

The oracle beside the projections: it knows the event classes and what a date spans, and nothing of
how positions are stored, ordered, folded or named. Every answer walks all events below the size
asked for. The rules are written anew from `DESIGN.md`, sections 3 and 5; slow and plain on purpose.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise, product
from typing import Any
from uuid import UUID

from onrecord.domain.event import RecordedEvent

from onrecord.domain.dates import Bounds, bounds
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
"""A stance with its condition; (None, None): nothing held."""

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
    """A position as believed at some size. `said`: the fields of the event or its replacement."""

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
    """A statement as believed at some size."""

    fields: Any
    status: str


def events_below(events: Sequence[RecordedEvent], size: int) -> Iterator[RecordedEvent]:
    """The events known at a size, in order."""
    return (one for one in sorted(events, key=lambda one: one.seq) if one.seq < size)


def root(events: Sequence[RecordedEvent], name: str, size: int) -> str:
    """The actor that reads of a name mean at a size."""
    into: dict[str, str] = {}
    for one in events_below(events, size):
        if isinstance(one.event, ActorMerged):
            into[one.event.actor] = one.event.into
        elif isinstance(one.event, ActorUnmerged):
            del into[one.event.actor]
    while name in into:
        name = into[name]
    return name


def steps(events: Sequence[RecordedEvent], pair: Pair, size: int) -> list[Step]:
    """The line of a pair at a size, in valid-time order: of all actors who mean the same one."""
    believed: dict[UUID, Step] = {}
    made: dict[UUID, int] = {}
    for one in events_below(events, size):
        event = one.event
        if isinstance(event, PositionChanged):
            made[one.id] = one.seq
            believed[one.id] = Step(one.id, one.seq, event)
        elif isinstance(event, PositionCorrected):
            believed[event.target] = Step(event.target, made[event.target], event.replacement)
        elif isinstance(event, PositionRetracted):
            del believed[event.target]
    actor, topic = root(events, pair[0], size), pair[1]
    names = {one.fields.actor for one in believed.values()}
    mean = {name for name in names if root(events, name, size) == actor}
    line = [
        one for one in believed.values() if one.fields.actor in mean and one.fields.topic == topic
    ]
    return sorted(line, key=lambda one: one.place)


def revision(events: Sequence[RecordedEvent], pair: Pair, size: int) -> int:
    """How many events changed the line of the pair: came upon it, stayed on it, or left it.

    A position that was retracted is on no line, so a correction that undoes this leaves none.
    """
    line: dict[UUID, Pair] = {}
    touched: set[int] = set()
    for one in events_below(events, size):
        event = one.event
        before = line.pop(one.subject, None)
        if isinstance(event, PositionChanged):
            line[one.id] = (event.actor, event.topic)
        elif isinstance(event, PositionCorrected):
            line[event.target] = (event.replacement.actor, event.replacement.topic)
        elif not isinstance(event, PositionRetracted):
            continue
        if pair in (before, line.get(one.subject)):
            touched.add(one.seq)
    return len(touched)


def step_at(line: Sequence[Step], as_of: datetime) -> Step | None:
    """The position held at an instant: the last one that began by then."""
    begun = [one for one in line if one.dates.sorts_at <= as_of]
    return begun[-1] if begun else None


def previous(line: Sequence[Step], step: Step) -> Step | None:
    """The step before a step."""
    earlier = [one for one in line if one.place < step.place]
    return earlier[-1] if earlier else None


def since(line: Sequence[Step], step: Step) -> str:
    """The date from which the stance and condition of a step have been held without a break."""
    first = step
    while (before := previous(line, first)) is not None and before.stand == step.stand:
        first = before
    return str(first.fields.effective)


def kind(before: Step | None, after: Step) -> str:
    """What a step is against the one before it: the first rule that fits (DESIGN section 3)."""
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


def candidates(line: Sequence[Step], as_of: datetime) -> dict[Span, list[datetime]]:
    """For each inexact date of a line, concrete dates that tell all its orders apart.

    Every first and last instant of any date, `as_of` and the instant after it, and one instant
    between each two of them.
    """
    edges = {edge for one in line for edge in one.span} | {as_of}
    if as_of < datetime.max.replace(tzinfo=as_of.tzinfo):
        edges.add(as_of + timedelta(microseconds=1))
    between = {low + (high - low) // 2 for low, high in pairwise(sorted(edges))}
    instants = sorted(edges | between)
    return {
        span: [at for at in instants if span[0] <= at <= span[1]]
        for span in {one.span for one in line}
    }


def possible_steps(line: Sequence[Step], as_of: datetime) -> set[Step | None]:
    """Whoever holds at `as_of` under some choice of dates; None: nobody.

    Rows with equal bounds share one date, all others are free of each other: so a row may hold on a
    date of its own iff each other date has a choice under which all its rows come earlier, or after
    `as_of`.
    """
    free = candidates(line, as_of)
    found: set[Step | None] = set()
    if all(any(at > as_of for at in choices) for choices in free.values()):
        found.add(None)
    for step in line:
        for at in free[step.span]:
            if at > as_of:
                continue
            place = (at, step.fields.order, step.made_seq)
            rivals = [one for one in line if one != step]
            if all(
                any(
                    all(
                        other > as_of or (other, one.fields.order, one.made_seq) < place
                        for one in rivals
                        if one.span == span
                    )
                    for other in ([at] if span == step.span else choices)
                )
                for span, choices in free.items()
            ):
                found.add(step)
    return found


def possible_steps_by_enumeration(line: Sequence[Step], as_of: datetime) -> set[Step | None]:
    """The same as `possible_steps` by trying every choice of dates: for short lines only."""
    free = candidates(line, as_of)
    found: set[Step | None] = set()
    for chosen in product(*free.values()):
        at = dict(zip(free, chosen, strict=True))
        begun = [one for one in line if at[one.span] <= as_of]
        by_date = sorted(begun, key=lambda one: (at[one.span], one.fields.order, one.made_seq))
        found.add(by_date[-1] if by_date else None)
    return found


def certainty(line: Sequence[Step], as_of: datetime) -> tuple[str, set[UUID | None]]:
    """`definite`, or `possible` with the others that may hold (None: nobody)."""
    may = possible_steps(line, as_of)
    if len({one.stand if one else NOTHING for one in may}) == 1:
        return "definite", set()
    now = step_at(line, as_of)
    return "possible", {one.id if one else None for one in may if one != now}


def statement(events: Sequence[RecordedEvent], id_: UUID, size: int) -> Wording | None:
    """A statement at a size: its last words, and what became of it."""
    found: Wording | None = None
    for one in events_below(events, size):
        event = one.event
        if isinstance(event, StatementMade) and one.id == id_:
            found = Wording(event, "on_record")
        elif isinstance(event, StatementCorrected) and event.target == id_:
            found = Wording(event.replacement, "corrected")
        elif isinstance(event, StatementRetracted) and event.target == id_:
            assert found is not None
            found = Wording(found.said, "retracted")
    return found


def actor(
    events: Sequence[RecordedEvent], id_: str, size: int
) -> ActorRegistered | ActorRevised | None:
    """The last state of an actor at a size."""
    found = None
    for one in events_below(events, size):
        if isinstance(one.event, ActorRegistered | ActorRevised) and one.event.id == id_:
            found = one.event
    return found


def topic(
    events: Sequence[RecordedEvent], id_: str, size: int
) -> TopicRegistered | TopicRevised | None:
    """The last state of a topic at a size."""
    found = None
    for one in events_below(events, size):
        if isinstance(one.event, TopicRegistered | TopicRevised) and one.event.id == id_:
            found = one.event
    return found
