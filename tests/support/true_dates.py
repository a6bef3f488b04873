"""Enumeration of the true dates that the inexact dates of a timeline leave open.

The oracle of certainty: `naive` and the tests of `domain.changes` compare with it. It uses the
bounds of dates and nothing else of the package.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import combinations_with_replacement, pairwise, product
from operator import itemgetter
from typing import Protocol, TypeVar

from onrecord.domain.dates import Bounds


class DatedStep(Protocol):
    """A step with its date on record."""

    @property
    def dates(self) -> Bounds: ...

    @property
    def turn(self) -> tuple[int, int]:
        """Its `order`, and among equal orders the seq that made it."""
        ...


S = TypeVar("S", bound=DatedStep)


def true_dates(timeline: Sequence[S], *instants: datetime) -> Iterator[list[tuple[datetime, S]]]:
    """Every choice of a true date for each step that orders them and `instants` differently.

    Each step has a true date of its own, within its bounds. `order` (among equal orders: what was
    recorded later) promises two things. Of steps that begin at one instant it says which begins
    last. Of steps with the same date on record it says which begins earlier or at once, because
    nothing else tells them apart: their true dates are in this order, but need not be one date.
    All other true dates are independent. For short timelines only.
    """
    free = candidates(timeline, *instants)
    groups = [
        sorted((step for step in timeline if step.dates == dates), key=lambda step: step.turn)
        for dates in free
    ]
    choices = [combinations_with_replacement(free[group[0].dates], len(group)) for group in groups]
    for chosen in product(*choices):
        yield [
            (at, step)
            for group, dates in zip(groups, chosen, strict=True)
            for at, step in zip(dates, group, strict=True)
        ]


def step_held(dated: Sequence[tuple[datetime, S]], as_of: datetime) -> S | None:
    """The step that is effective at `as_of` if its and the others' true dates are these."""
    begun = [(at, step.turn, step) for at, step in dated if at <= as_of]
    return max(begun, key=itemgetter(0, 1))[2] if begun else None


def possible_steps_by_enumeration(timeline: Sequence[S], as_of: datetime) -> set[S | None]:
    """The steps that are effective at `as_of` under a choice of true dates; None: no step is."""
    return {step_held(dated, as_of) for dated in true_dates(timeline, as_of)}


def possible_steps(timeline: Sequence[S], as_of: datetime) -> set[S | None]:
    """The same as `possible_steps_by_enumeration`, for timelines of any length.

    A step may be effective if it has a true date for which every other step, whatever the rest, has
    one that is earlier or after `as_of`.
    """
    free = candidates(timeline, as_of)
    possible: set[S | None] = set()
    if all(any(at > as_of for at in choices) for choices in free.values()):
        possible.add(None)
    for step in timeline:
        for at in free[step.dates]:
            if at <= as_of and all(
                any(
                    other > as_of or (other, *rival.turn) < (at, *step.turn)
                    for other in free[rival.dates]
                    if rival.dates != step.dates or rival.turn < step.turn or other >= at
                )
                for rival in timeline
                if rival is not step
            ):
                possible.add(step)
    return possible


def steps_before_by_enumeration(timeline: Sequence[S], step: S) -> set[S | None]:
    """The steps that come just before a step under a choice of true dates; None: no step does."""
    before: set[S | None] = set()
    for dated in true_dates(timeline, step.dates.earliest):
        order = [item for _, item in sorted(dated, key=lambda item: (item[0], item[1].turn))]
        at = order.index(step)
        before.add(order[at - 1] if at else None)
    return before


def steps_before(timeline: Sequence[S], step: S) -> set[S | None]:
    """The same as `steps_before_by_enumeration`, for timelines of any length.

    A step may come just before if both have true dates between which no other step must begin.
    Its latest one before the other's will do: what comes between a later one and the other's comes
    between an earlier one and the other's too. With the same date on record go those before in
    turn, which are never after the step, and those after it, which are never before.
    """
    edges = {edge for other in timeline for edge in other.dates[:2]}
    free = candidates(timeline, *edges)
    rivals = [other for other in timeline if other.dates != step.dates or other.turn < step.turn]
    before: set[S | None] = set()
    for at in free[step.dates]:
        begun = [
            other
            for other in rivals
            if other.dates == step.dates or (other.dates.latest, other.turn) < (at, step.turn)
        ]
        if not begun:
            before.add(None)
        latest_begun = max(((other.dates.earliest, other.turn) for other in begun), default=None)
        for previous in rivals:
            find = bisect_right if previous.turn < step.turn else bisect_left
            number = find(free[previous.dates], at)
            if number == 0:
                continue
            place = (free[previous.dates][number - 1], previous.turn)
            is_followed = any(
                other.dates == previous.dates and other.turn > previous.turn for other in begun
            )
            if not is_followed and (latest_begun is None or latest_begun <= place):
                before.add(previous)
    return before


def candidates(timeline: Sequence[S], *instants: datetime) -> dict[Bounds, list[datetime]]:
    """For each inexact date of a timeline, true dates that distinguish all orders of steps.

    They are the first and last instants of all dates, each of `instants` and the one after it, and
    an instant between each two of these.
    """
    edges = {edge for step in timeline for edge in step.dates[:2]} | {*instants}
    last = datetime.max.replace(tzinfo=instants[0].tzinfo)
    edges |= {at + timedelta(microseconds=1) for at in instants if at < last}
    between = {low + (high - low) // 2 for low, high in pairwise(sorted(edges))}
    possible = sorted(edges | between)
    return {
        dates: [at for at in possible if dates.earliest <= at <= dates.latest]
        for dates in {step.dates for step in timeline}
    }
