"""What kind of change is a step from one stance to the next, and which may have been held when?

Called by the fold of `changes` and by the read door. Nothing here knows where steps are kept.
"""

from collections.abc import Sequence
from datetime import datetime
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
    """The first kind that fits the step from `before` (None: nothing on record) to `after`."""
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
    """A step as far as its place in the line goes."""

    @property
    def dates(self) -> Bounds: ...

    @property
    def order(self) -> int: ...

    @property
    def seq(self) -> int: ...


S = TypeVar("S", bound=DatedStep)


def possible_steps(line: Sequence[S], as_of: datetime) -> tuple[list[S], bool]:
    """The steps that may have been held at an instant, and whether one of them surely was.

    DESIGN section 5: a step may be the one iff it may have begun by then, and not surely before
    another that surely had; of steps with the same bounds, which share one date, only the last.
    """
    begun = [one for one in line if one.dates.latest <= as_of]
    floor = max(((one.dates.earliest, one.order, one.seq) for one in begun), default=None)
    last: dict[tuple[datetime, datetime], S] = {}
    for one in sorted(line, key=lambda one: (one.order, one.seq)):
        latest = min(one.dates.latest, as_of)
        if one.dates.earliest <= as_of and (floor is None or (latest, one.order, one.seq) >= floor):
            last[one.dates.earliest, one.dates.latest] = one
    return list(last.values()), floor is not None
