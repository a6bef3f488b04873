"""What the record knew when: the answer for one date over recorded time, and what changed since.

Pure functions over the versions of steps (`VersionOfStep`) of an actor on a topic. Used by the page
of a timeline; the geometry of its strip is in units of the SVG's `viewBox`.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any, Final, Literal
from uuid import UUID

from onrecord.domain.dates import bounds
from onrecord.pages.chart import WIDTH

StepPlace = tuple[datetime, float, float]
"""The first instant of a date, `order`, and the size at which the step came on record."""
MAX_SEGMENTS: Final = 24
_LEAST: Final = 22
"""Width of a segment at least: the sign of its stance."""


@dataclass(frozen=True)
class Segment:
    """A time in which the record gave one answer; `version` is None where it gave none."""

    version: Any | None
    opened: Any
    """The event with which it began."""
    size: int
    """The first size of the record at which it gave this answer."""
    x: float
    width: float


@dataclass(frozen=True)
class StepDifference:
    """What the record says of a step otherwise than at an earlier size."""

    kind: Literal["added", "corrected", "withdrawn"]
    before: Any | None
    after: Any | None
    event: Any
    """The event by which it came to say so."""


def strip(versions: Sequence[Any], as_of: datetime, until: datetime | None) -> list[Segment]:
    """The answers that the record gave for an instant, one after the other; the last ones, where
    they are more than `MAX_SEGMENTS`. `until`: when the newest entry was recorded.
    """
    if until is None:
        return []
    made: dict[UUID, int] = {}
    for version in versions:
        made.setdefault(version.id, version.known_from_size)
    events = _events(versions)
    timeline: list[StepPlace] = []
    versions_by_place: dict[StepPlace, Any] = {}
    answers: list[tuple[Any | None, Any, int]] = []
    for size in sorted(events):
        event, opened, closed = events[size]
        for version in closed:
            place = _place(version, made)
            del timeline[bisect_left(timeline, place)]
        for version in opened:
            place = _place(version, made)
            insort(timeline, place)
            versions_by_place[place] = version
        begun = bisect_right(timeline, (as_of, inf, inf))
        answer = versions_by_place[timeline[begun - 1]] if begun else None
        if not answers or not _same(answers[-1][0], answer):
            answers.append((answer, event, size))
    return _laid_out(answers[-MAX_SEGMENTS:], until)


def _laid_out(answers: Sequence[tuple[Any | None, Any, int]], until: datetime) -> list[Segment]:
    """Segments as wide as their times are long, apart from a least width of each."""
    times = [*(event.recorded_at for _, event, _ in answers), until]
    length = max((until - times[0]).total_seconds(), 1e-6) if answers else 1.0
    spare = WIDTH - _LEAST * len(answers)
    segments: list[Segment] = []
    x = 0.0
    for place, (version, event, size) in enumerate(answers):
        lasted = max((times[place + 1] - times[place]).total_seconds(), 0.0)
        width = round(_LEAST + spare * lasted / length, 1)
        if place == len(answers) - 1:
            width = round(WIDTH - x, 1)
        segments.append(Segment(version, event, size, round(x, 1), width))
        x += width
    return segments


def _events(versions: Sequence[Any]) -> dict[int, tuple[Any, list[Any], list[Any]]]:
    """By the first size that has it: an event, the versions that it opened, those it closed."""
    events: dict[int, tuple[Any, list[Any], list[Any]]] = {}
    for version in versions:
        events.setdefault(version.known_from_size, (version.opened, [], []))[1].append(version)
        if closed := version.closed:
            events.setdefault(closed.seq + 1, (closed, [], []))[2].append(version)
    return events


def _place(version: Any, made: Mapping[UUID, int]) -> StepPlace:
    """The place of a version in the order of dates."""
    return bounds(version.effective).sorts_at, version.order, made[version.id]


def visible_at(versions: Iterable[Any], size: int) -> Mapping[UUID, Any]:
    """The versions that the record believed at a size, by the id of their step."""
    return {
        version.id: version
        for version in versions
        if version.known_from_size <= size
        and (version.known_until_size is None or size <= version.known_until_size)
    }


def _same(first: Any | None, second: Any | None) -> bool:
    if first is None or second is None:
        return first is second
    return _said(first) == _said(second)


def _said(version: Any) -> tuple[Any, ...]:
    return version.id, version.stance, version.condition, version.effective


def differences(versions: Sequence[Any], size: int, until_size: int) -> list[StepDifference]:
    """What the record says of steps at `until_size` otherwise than at `size`, in the order in which
    it came to say so.
    """
    before, after = visible_at(versions, size), visible_at(versions, until_size)
    listed: list[StepDifference] = []
    for id_ in {**before, **after}:
        old, new = before.get(id_), after.get(id_)
        if old is new:
            continue
        if new is None:
            listed.append(StepDifference("withdrawn", old, None, old.closed if old else None))
        elif old is None:
            listed.append(StepDifference("added", None, new, new.opened))
        else:
            listed.append(StepDifference("corrected", old, new, new.opened))
    return sorted(listed, key=lambda difference: difference.event.seq)
