"""Kinds of change between two stances, and the steps of a timeline that may hold at an instant.

Used by the fold of the projection `changes` and by the read API. Nothing here knows how steps are
stored.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import inf
from typing import Final, Literal, NamedTuple, Protocol, TypeVar, get_args

from onrecord.domain.dates import Bounds
from onrecord.domain.stances import CONDITIONAL, SCALE, Stance

ChangeKind = Literal[
    "adopted",
    "reaffirmed",
    "conditions_changed",
    "softened",
    "hardened",
    "shifted",
    "reversed",
]
CHANGE_KINDS: Final[tuple[ChangeKind, ...]] = get_args(ChangeKind)


class Change(NamedTuple):
    """The kind of a step, and its distance on the scale (None off the scale)."""

    kind: ChangeKind
    size: int | None


def classify_change(before: Stance | None, after: Stance, *, same_condition: bool) -> Change:
    """The change from the stance `before` (None: there is none) to the stance `after`.

    The rules are in `_kind`; the first that fits applies.
    """
    start = SCALE.get(before) if before is not None else None
    end = SCALE.get(after)
    size = abs(end - start) if start is not None and end is not None else None
    return Change(_kind(before, after, start, end, same_condition), size)


def _kind(
    before: Stance | None, after: Stance, start: int | None, end: int | None, same_condition: bool
) -> ChangeKind:
    if before == after and same_condition:
        return "reaffirmed"
    if before is None or before == "no_position":
        return "adopted"
    if before == after:
        return "conditions_changed"
    if start and end and start * end > 0:
        return "softened" if abs(end) < abs(start) else "hardened"
    if not start or not end or (before in CONDITIONAL and after in CONDITIONAL):
        return "shifted"
    return "reversed"


class DatedStep(Protocol):
    """The part of a step that decides its place in a timeline."""

    @property
    def dates(self) -> Bounds: ...

    @property
    def order(self) -> int: ...

    @property
    def seq(self) -> int: ...


S = TypeVar("S", bound=DatedStep)


Turn = tuple[float, float]
"""The `order` and the seq of a step, by which steps that begin at one instant are in order."""
_AFTER_ALL: Final[Turn] = (inf, inf)


def possible_steps(
    timeline: Sequence[S], as_of: datetime, before: Turn = _AFTER_ALL
) -> tuple[list[S], bool]:
    """The steps that may hold at an instant, and whether some step certainly does.

    A step may hold if it may have begun by then, and is not certainly before another step that
    certainly had begun. Steps with the same date on record begin in the order (order, seq), but not
    necessarily at once: where that date is over, only the last of them may hold. With `before`, a
    step that begins at the instant itself has begun only if its (order, seq) is less.
    """
    point = (as_of, *before)
    begun = [step for step in timeline if (step.dates.latest, step.order, step.seq) < point]
    latest_begun = max(
        ((step.dates.earliest, step.order, step.seq) for step in begun), default=None
    )
    possible: list[S] = []
    last_by_date: dict[Bounds, S] = {}
    for step in sorted(timeline, key=lambda step: (step.order, step.seq)):
        turn = (step.order, step.seq)
        if (step.dates.earliest, *turn) >= point:
            continue
        is_over = (step.dates.latest, *turn) < point
        last = as_of if turn < before else as_of - timedelta(microseconds=1)
        place = (step.dates.latest if is_over else last, *turn)
        if latest_begun is not None and place < latest_begun:
            continue
        if is_over:
            last_by_date[step.dates] = step
        else:
            possible.append(step)
    return [*last_by_date.values(), *possible], latest_begun is not None


def possible_steps_between(
    timeline: Sequence[S], first: datetime, last: datetime
) -> tuple[list[S], bool]:
    """The steps that may hold at some instant from `first` to `last`, and whether some step
    certainly holds at all of them.
    """
    at_first, surely_some = possible_steps(timeline, first)
    if first == last:
        return at_first, surely_some
    at_last, _ = possible_steps(timeline, last)
    exact: dict[datetime, tuple[int, int]] = {}
    for step in timeline:
        if step.dates.earliest == step.dates.latest:
            turn = step.order, step.seq
            exact[step.dates.latest] = max(turn, exact.get(step.dates.latest, turn))
    within = [
        step
        for step in timeline
        if step.dates.earliest < last
        and step.dates.latest > first
        # of several steps on one instant only the last is ever held
        and (
            step.dates.earliest < step.dates.latest
            or exact[step.dates.latest] == (step.order, step.seq)
        )
    ]
    return list({step.seq: step for step in (*at_first, *within, *at_last)}.values()), surely_some
