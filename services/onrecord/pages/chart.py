"""Geometry of the chart of a timeline: steps over time as lines, inexact dates as bars.

Pure functions. Units are those of the SVG's `viewBox`, which is `WIDTH` wide. The template draws;
a table of the same steps follows each chart. `knowledge` has the geometry of the strip of versions.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from onrecord.domain.stances import Stance

WIDTH: Final = 720
LEFT: Final = 168
RIGHT: Final = 16
TOP: Final = 14
ROW: Final = 30
BOTTOM: Final = 24
ROWS: Final[tuple[Stance, ...]] = (
    *("support", "conditional_support", "neutral", "conditional_oppose", "oppose"),
    *("mixed", "no_position"),
)
_OPEN_BEGINNING: Final = timedelta(days=30)
"""How long before the first known date the chart begins at least, where no beginning is known."""
_TICK_EVERY: Final = 45
"""Units between the labels of two years at least."""


@dataclass(frozen=True)
class Mark:
    """A step: a bar over its possible dates, and a line until the next step."""

    step: Any
    y: float
    bar_from: float
    bar_to: float
    line_to: float
    is_open: bool
    """No beginning is known."""
    is_ahead: bool
    """It begins after the date for which the page is."""
    is_corrected: bool


@dataclass(frozen=True)
class Ghost:
    """What the record said of a step before it was corrected or withdrawn."""

    version: Any
    x: float
    y: float


@dataclass(frozen=True)
class Tick:
    x: float
    label: str


@dataclass(frozen=True)
class Chart:
    rows: Sequence[tuple[Stance, float]]
    marks: Sequence[Mark]
    ghosts: Sequence[Ghost]
    ticks: Sequence[Tick]
    height: float
    now: float
    """The x of the date for which the page is."""


def timeline_chart(
    steps: Sequence[Any],
    as_of: datetime,
    *,
    replaced: Sequence[Any] = (),
    corrected: Collection[UUID] = (),
) -> Chart | None:
    """The chart of steps in the order in which they were held, up to an instant or the last step.

    `replaced`: versions that the record believes no more; `corrected`: ids of steps that were
    corrected. None without steps and versions.
    """
    if not steps and not replaced:
        return None
    dates = [*map(_dates, steps), *map(_dates, replaced)]
    end = max(as_of, *(latest for _, latest in dates))
    first = min(earliest or latest for earliest, latest in dates)
    has_open = any(earliest is None for earliest, _ in dates)
    begin = first - max(_OPEN_BEGINNING, (end - first) / 12) if has_open else first
    length = max((end - begin).total_seconds(), 1.0)

    def x(instant: datetime) -> float:
        share = (instant - begin).total_seconds() / length
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    stances = {item.stance for item in (*steps, *replaced)}
    used = [stance for place, stance in enumerate(ROWS) if place < 5 or stance in stances]
    ys = {stance: TOP + ROW * (place + 0.5) for place, stance in enumerate(used)}
    ends = [*(earliest or latest for earliest, latest in dates[1 : len(steps)]), end]
    marks = [
        Mark(
            step,
            ys[step.stance],
            x(earliest or begin),
            x(latest),
            max(x(until), x(latest)),
            earliest is None,
            (earliest or begin) > as_of,
            step.id in corrected,
        )
        for step, (earliest, latest), until in zip(steps, dates, ends, strict=False)
    ]
    ghosts = [Ghost(version, x(_dates(version)[1]), ys[version.stance]) for version in replaced]
    height = TOP + ROW * len(used) + BOTTOM
    return Chart([*ys.items()], marks, ghosts, _ticks(begin, end, x), height, x(as_of))


def _dates(step: Any) -> tuple[datetime | None, datetime]:
    earliest, latest = step.effective_earliest, step.effective_latest
    return (datetime.fromisoformat(earliest) if earliest else None), datetime.fromisoformat(latest)


def _ticks(begin: datetime, end: datetime, x: Callable[[datetime], float]) -> list[Tick]:
    """Beginnings of years whose labels do not touch; where there is none, the first day."""
    ticks: list[Tick] = []
    for year in range(begin.year + 1, end.year + 1):
        place = x(datetime(year, 1, 1, tzinfo=UTC))
        if not ticks or place - ticks[-1].x >= _TICK_EVERY:
            ticks.append(Tick(place, str(year)))
    return ticks or [Tick(x(begin), f"{begin:%Y-%m-%d}")]
