"""Certainty of positions and of changes where dates on record are inexact.

Used by the read API and by deliveries, with candidates from SQL: mappings with the `id`, `stance`,
`condition`, `effective`, `order` and `seq` of each step that may be held, and perhaps of more.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from onrecord.domain.changes import possible_steps
from onrecord.domain.dates import Bounds, bounds

StepFields = Mapping[str, Any]
CertaintyName = Literal["definite", "possible"]
NO_STEP: Final = {"id": None, "stance": None, "condition": None, "effective": None}
"""What stands for it where none may have been held yet."""


class _PossibleStep(NamedTuple):
    step: StepFields
    dates: Bounds
    order: int
    seq: int


def certainty_at(
    candidates: Sequence[StepFields], instant: datetime
) -> tuple[CertaintyName, list[StepFields]]:
    """Definite if and only if all steps that may be held agree in stance and condition; else they
    come with it, in order, with `NO_STEP` where perhaps none was held yet.
    """
    dated = [(step, bounds(step["effective"])) for step in candidates]
    if _agree(candidates) and any(dates.latest <= instant for _, dates in dated):
        return "definite", []  # whichever step it was: that would take longer to find out
    possible, surely_some = possible_steps(
        [_PossibleStep(step, dates, step["order"], step["seq"]) for step, dates in dated], instant
    )
    possible = sorted(possible, key=lambda step: (step.dates.sorts_at, step.order, step.seq))
    steps = [candidate.step for candidate in possible]
    if not surely_some and steps:
        steps.insert(0, NO_STEP)
    return ("definite", []) if _agree(steps) else ("possible", steps)


def certainty_of_change(
    effective: str,
    candidates: Sequence[StepFields],
    *,
    overlaps: bool,
    follows_on_same_date: bool,
) -> CertaintyName:
    """Definite if what a step changed from is.

    `candidates`: the steps that may have been held just before its date. `overlaps`: another step
    has a date that overlaps it. `follows_on_same_date`: the step before it has the same date.
    """
    if overlaps:
        return "possible"
    if follows_on_same_date or not candidates:
        return "definite"
    just_before = bounds(effective).earliest - timedelta(microseconds=1)
    return certainty_at(candidates, just_before)[0]


def _agree(steps: Sequence[StepFields]) -> bool:
    return len({(step["stance"], step["condition"]) for step in steps}) <= 1
