"""Contradictions between the stance read in a statement and the positions held when it was said.

Used by the review of the read API. Stances contradict each other on different sides of the scale:
for, against and neutral. Dates of statements and positions may be inexact.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from onrecord.domain.changes import DatedStep, possible_steps_between
from onrecord.domain.dates import Bounds
from onrecord.domain.stances import SCALE, Stance


class StanceStep(DatedStep, Protocol):
    """A step of a timeline with its stance."""

    @property
    def stance(self) -> Stance: ...


S = TypeVar("S", bound=StanceStep)


def find_contradiction(
    stance: Stance, said: Bounds, timeline: Sequence[S]
) -> tuple[S, bool] | None:
    """The last step that a statement of this stance contradicts, and whether it surely does.

    It surely does if all steps that may have been held at any instant at which it may have been
    said are on another side. It does not if one of these is on its own side, and has the date of a
    step that reads answer with at such an instant: then the record agrees with the statement,
    however inexact its dates are.
    """
    side = _side(stance)
    if side is None:
        return None
    earliest, latest, _ = said
    held, surely_some = possible_steps_between(timeline, earliest, latest)
    contradicted = [step for step in held if _side(step.stance) not in (None, side)]
    begun = (step.dates.sorts_at for step in timeline if step.dates.sorts_at <= earliest)
    start = max(begun, default=earliest)
    agrees = any(
        start <= step.dates.sorts_at <= latest for step in held if _side(step.stance) == side
    )
    if agrees or not contradicted:
        return None
    last = max(
        contradicted,
        key=lambda step: (step.dates.sorts_at <= latest, step.dates.sorts_at, step.order, step.seq),
    )
    return last, surely_some and len(contradicted) == len(held)


def _side(stance: Stance) -> int | None:
    """1 for, -1 against, 0 neutral, None off the scale."""
    value = SCALE.get(stance)
    return None if value is None else (value > 0) - (value < 0)
