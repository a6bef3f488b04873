"""Geometry of the chart of a timeline: steps over time as lines, inexact dates as bars.

Pure functions. Units are those of the SVG's `viewBox`, which is `WIDTH` wide. The template draws;
a table of the same steps follows each chart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from onrecord.domain.stances import Stance

WIDTH: Final = 720
LEFT: Final = 150
RIGHT: Final = 16
TOP: Final = 14
ROW: Final = 30
ROWS: Final[tuple[Stance, ...]] = (
    *("support", "conditional_support", "neutral", "conditional_oppose", "oppose"),
    *("mixed", "no_position"),
)
_OPEN_BEGINNING: Final = timedelta(days=30)
"""How long before the first known date the chart begins, where no beginning is known."""


@dataclass(frozen=True)
class Mark:
    """A step: a bar over its possible dates, and a line until the next step."""

    step: Any
    y: float
    bar_from: float
    bar_to: float
    line_to: float


@dataclass(frozen=True)
class Tick:
    x: float
    label: str


@dataclass(frozen=True)
class Chart:
    rows: Sequence[tuple[Stance, float]]
    marks: Sequence[Mark]
    ticks: Sequence[Tick]
    height: float
    now: float
    """The x of the date for which the page is."""


def timeline_chart(steps: Sequence[Any], as_of: datetime) -> Chart | None:
    """The chart of steps in the order in which they were held, up to an instant or the last step.

    None without steps.
    """
    if not steps:
        return None
    spans = [_span(step) for step in steps]
    begin = min(earliest or latest - _OPEN_BEGINNING for earliest, latest in spans)
    end = max(as_of, *(latest for _, latest in spans))
    length = max((end - begin).total_seconds(), 1.0)

    def x(instant: datetime) -> float:
        share = (instant - begin).total_seconds() / length
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    used: list[Stance] = list(ROWS[:5])
    used += [stance for stance in ROWS[5:] if any(step.stance == stance for step in steps)]
    ys = {stance: TOP + ROW * (place + 0.5) for place, stance in enumerate(used)}
    ends = [*(earliest or latest for earliest, latest in spans[1:]), end]
    marks = [
        Mark(step, ys[step.stance], x(earliest or begin), x(latest), max(x(until), x(latest)))
        for step, (earliest, latest), until in zip(steps, spans, ends, strict=True)
    ]
    height = TOP + ROW * len(used) + 24
    return Chart([*ys.items()], marks, _ticks(begin, end, x), height, x(as_of))


def _span(step: Any) -> tuple[datetime | None, datetime]:
    earliest, latest = step.effective_earliest, step.effective_latest
    return (datetime.fromisoformat(earliest) if earliest else None), datetime.fromisoformat(latest)


def _ticks(begin: datetime, end: datetime, x: Any) -> list[Tick]:
    """Beginnings of years, at most ten of them; where there is none, the first and last day."""
    every = 1 + (end.year - begin.year) // 10
    years = range(begin.year + 1, end.year + 1, every)
    ticks = [Tick(x(datetime(year, 1, 1, tzinfo=UTC)), str(year)) for year in years]
    return ticks or [Tick(x(begin), f"{begin:%Y-%m-%d}")]
