"""What kind of change is a step from one stance to the next, and how far does it go?

Called by the read door, which has each step with the one before it. Nothing here knows where steps
are kept.
"""

from typing import Final, Literal, NamedTuple, get_args

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


def change(before: Stance | None, after: Stance, *, same_condition: bool) -> Change:
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
