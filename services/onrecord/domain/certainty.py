"""Certainty of positions and of changes where dates on record are inexact.

Used by the read API and by deliveries, with candidates from SQL: mappings with the `id`, `stance`,
`condition`, `effective`, `order` and `seq` of each step that may be held, and perhaps of more.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from onrecord.domain.changes import Turn, possible_steps
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

    @property
    def turn(self) -> Turn:
        return self.order, self.seq


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


def steps_before_change(id_: str, candidates: Sequence[StepFields]) -> list[StepFields]:
    """The steps that may have come just before the step with this id, in order, with `NO_STEP`
    where perhaps none did: what a change of possible certainty may have changed from.

    `candidates`: the step itself, all steps that may have come just before it or may hold just
    before its date, and perhaps more. Of the steps with its own date, that before it in turn surely
    came before it, and those after it did not.
    """
    timeline = [
        _PossibleStep(fields, bounds(fields["effective"]), fields["order"], fields["seq"])
        for fields in candidates
    ]
    (step,) = (step for step in timeline if step.step["id"] == id_)
    first, last, _ = step.dates
    others = [other for other in timeline if other.dates != step.dates]
    before = [other for other in timeline if other.dates == step.dates and other.turn < step.turn]
    if before:
        previous = max(before, key=lambda other: other.turn)
        others.append(previous._replace(dates=step.dates._replace(latest=first)))
    possible, surely_some = possible_steps(others, first, step.turn)
    if first < last:
        after_first = first + timedelta(microseconds=1)
        possible += possible_steps(others, after_first, step.turn)[0]
        possible += possible_steps(others, last, step.turn)[0]
        possible += _begun_within(others, step)
        possible += others[-1:] if before else []
    by_seq = {other.seq: other for other in possible}
    ordered = sorted(by_seq.values(), key=lambda other: (other.dates.sorts_at, *other.turn))
    return [*(() if surely_some else (NO_STEP,)), *(other.step for other in ordered)]


def _begun_within(others: Sequence[_PossibleStep], step: _PossibleStep) -> list[_PossibleStep]:
    """The steps that may begin after the first instant of a step's date and before its last one,
    and be held until that step begins.
    """
    first, last, _ = step.dates
    turns: dict[datetime, list[Turn]] = {}
    for other in others:
        if other.dates.earliest == other.dates.latest:
            turns.setdefault(other.dates.latest, []).append(other.turn)

    def may_be_last(other: _PossibleStep) -> bool:
        if other.dates.earliest < other.dates.latest:
            return True
        at = other.dates.latest
        if other.turn < step.turn:
            return not any(other.turn < turn < step.turn for turn in turns[at])
        next_turns = turns.get(at + timedelta(microseconds=1), ())
        return other.turn == max(turns[at]) and not any(turn < step.turn for turn in next_turns)

    return [
        other
        for other in others
        if other.dates.earliest < last and other.dates.latest > first and may_be_last(other)
    ]


def _agree(steps: Sequence[StepFields]) -> bool:
    return len({(step["stance"], step["condition"]) for step in steps}) <= 1
