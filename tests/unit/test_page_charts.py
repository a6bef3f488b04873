"""Geometry of the chart of a timeline, and what the record knew when."""

from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from onrecord.domain.dates import bound_fields
from onrecord.pages import chart, knowledge


def step(id: int, effective: str, stance: str = "support", **over: Any) -> Any:
    fields = {"id": id, "stance": stance, "effective": effective, "certainty": "definite"}
    return SimpleNamespace(**fields, **bound_fields("effective", effective), **over)


def event(seq: int, type: str = "position.changed") -> Any:
    return SimpleNamespace(seq=seq, type=type, recorded_at=datetime(2023, 1, 1 + seq, tzinfo=UTC))


def version(id: int, opened: Any, closed: Any = None, stance: str = "support") -> Any:
    return SimpleNamespace(
        **vars(step(id, "2022", stance)),
        condition=None,
        order=0,
        opened=opened,
        closed=closed,
        known_from_size=opened.seq + 1,
        known_until_size=closed.seq if closed else None,
    )


AS_OF = datetime(2023, 1, 1, tzinfo=UTC)


def test_there_is_no_chart_without_steps() -> None:
    assert chart.timeline_chart([], AS_OF) is None


def test_an_exact_step_is_a_short_bar_and_a_line_to_the_date_of_the_page() -> None:
    drawn = chart.timeline_chart([step(1, "2022-01-01")], AS_OF)
    assert drawn
    (mark,) = drawn.marks
    assert mark.bar_to - mark.bar_from < 3
    assert mark.line_to == drawn.now == chart.WIDTH - chart.RIGHT
    assert mark.bar_from == chart.LEFT


def test_an_inexact_date_is_a_bar_until_which_the_step_before_is_not_surely_held() -> None:
    drawn = chart.timeline_chart([step(1, "2020-01-01"), step(2, "2021", "oppose")], AS_OF)
    assert drawn
    first, second = drawn.marks
    assert first.line_to == second.bar_from
    assert second.bar_to - second.bar_from > 150  # a year of three
    assert first.y < second.y


def test_a_beginning_that_is_not_known_is_open_and_lies_before_all_known_dates() -> None:
    drawn = chart.timeline_chart([step(1, "../2022-06")], AS_OF)
    assert drawn
    (mark,) = drawn.marks
    assert (mark.is_open, mark.bar_from) == (True, chart.LEFT)
    assert mark.bar_to > mark.bar_from


def test_a_step_after_the_date_of_the_page_lies_ahead_of_its_line() -> None:
    drawn = chart.timeline_chart([step(1, "2020"), step(2, "2030-01-01", "oppose")], AS_OF)
    assert drawn
    assert [False, True] == [mark.is_ahead for mark in drawn.marks]
    assert drawn.marks[1].bar_from > drawn.now


def test_what_was_corrected_is_a_mark_of_its_own_where_it_stood() -> None:
    wrong = version(1, event(0), event(1, "position.corrected"), "mixed")
    drawn = chart.timeline_chart([step(1, "2022")], AS_OF, replaced=[wrong], corrected={1})  # type: ignore[arg-type] # ids
    assert drawn
    assert drawn.marks[0].is_corrected
    assert [wrong] == [ghost.version for ghost in drawn.ghosts]
    assert "mixed" in dict(drawn.rows)


def test_labels_of_years_do_not_touch() -> None:
    drawn = chart.timeline_chart([step(1, "1900"), step(2, "2020", "oppose")], AS_OF)
    assert drawn
    places = [tick.x for tick in drawn.ticks]
    assert all(b - a >= 45 for a, b in pairwise(places))
    assert len(places) > 5


def test_the_strip_has_each_answer_of_the_record_in_turn_and_fills_its_width() -> None:
    corrected = event(1, "position.corrected")
    versions = [
        version(1, event(0), corrected, "support"),
        version(1, corrected, None, "oppose"),
        version(2, event(2), event(3, "position.retracted"), "mixed"),
    ]
    segments = knowledge.strip(versions, AS_OF, datetime(2023, 1, 10, tzinfo=UTC))
    stances = [segment.version.stance for segment in segments if segment.version]
    assert ["support", "oppose", "mixed", "oppose"] == stances
    assert [1, 2, 3, 4] == [segment.size for segment in segments]
    assert segments[0].x == 0
    assert round(segments[-1].x + segments[-1].width) == chart.WIDTH
    assert all(segment.width >= 22 for segment in segments)


def test_the_strip_says_that_nothing_was_known_of_a_date_before_all_others() -> None:
    (segment,) = knowledge.strip([version(1, event(0))], datetime(2000, 1, 1, tzinfo=UTC), AS_OF)
    assert segment.version is None


def test_differences_are_what_came_what_was_corrected_and_what_went() -> None:
    corrected, retracted = event(5, "position.corrected"), event(6, "position.retracted")
    old = version(1, event(0), corrected)
    new = version(1, corrected, None, "oppose")
    gone, added = version(2, event(1), retracted), version(3, event(7))
    came_and_went = version(4, event(8), event(9, "position.retracted"))
    listed = knowledge.differences([old, gone, new, added, came_and_went], 2, 10)
    assert [("corrected", old, new), ("withdrawn", gone, None), ("added", None, added)] == [
        (difference.kind, difference.before, difference.after) for difference in listed
    ]
    assert [] == knowledge.differences([old, gone, new], 10, 10)
