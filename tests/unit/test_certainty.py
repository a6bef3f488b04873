"""Steps that may hold at an instant, or come before another, compared with the enumeration of all
true dates.
"""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.domain.certainty import steps_before_change
from onrecord.domain.changes import possible_steps
from onrecord.domain.dates import Bounds, bounds, last_instant
from tests.support import true_dates
from tests.support.histories import AS_OF, EFFECTIVE


class Step(NamedTuple):
    """A step of a timeline by its date on record."""

    effective: str
    order: int = 0
    seq: int = 0

    @property
    def dates(self) -> Bounds:
        return bounds(self.effective)

    @property
    def turn(self) -> tuple[int, int]:
        return self.order, self.seq


def possible(as_of: str, timeline: list[Step]) -> set[Step | None]:
    """What may hold; None: nothing."""
    steps, surely_some = possible_steps(timeline, last_instant(as_of))
    return {*steps} if surely_some else {*steps, None}


TWO_OF_A_YEAR = "2021:0 2022:0 2022:1"


@pytest.mark.parametrize(
    ("as_of", "timeline", "expected"),
    [
        # each of two steps of a year may have begun by its middle, the second only after the first
        ("2022-06-30", TWO_OF_A_YEAR, {0, 1, 2}),
        ("2022-01-01T00:00:00Z", TWO_OF_A_YEAR, {0, 1, 2}),
        ("2022-12-31T23:59:59.999998Z", TWO_OF_A_YEAR, {0, 1, 2}),
        ("2021-12-31", TWO_OF_A_YEAR, {0}),
        ("2022-12-31", TWO_OF_A_YEAR, {2}),
        ("2022-06-30", "2022:0 2022:1", {None, 0, 1}),
        # among equal orders the later recorded begins later
        ("2022-06", "2022:0 2022:0", {None, 0, 1}),
        ("2022", "2022:0 2022:0", {1}),
        # orders of steps with other dates decide within one instant only
        ("2022-06-30", "2022:9 2022-06-15:0", {0, 1}),
        ("2022-06-15", "2022-06-15:0 2022-06:1", {0, 1}),
        ("2022-06-15", "2022-06-15:0 ../2022-06-15:1", {0, 1}),
        ("2022-06-15", "2022-06-15T12:00:00Z:1 ../2022-06-15T12:00:00Z:0", {0}),
        # at the latest on a day: perhaps long before, perhaps not yet
        ("2021-06-30", "../2022:0 ../2022:1", {None, 0, 1}),
        ("2022", "../2022:0 ../2022:1", {1}),
        ("2022", "2020-05-01:0 ../2022:0", {0, 1}),
        # dates that overlap only partly
        ("2022-02-15", "2022-01:0 2022-02:0", {0, 1}),
        ("2022-03", "2022-01:0 2022-02:0 2022:0", {1, 2}),
    ],
)
def test_the_steps_that_may_hold_are_those_of_the_table(
    as_of: str, timeline: str, expected: set[int | None]
) -> None:
    fields = [step.rpartition(":") for step in timeline.split()]
    steps = [Step(date, int(order), seq) for seq, (date, _, order) in enumerate(fields)]
    held = {None if number is None else steps[number] for number in expected}
    assert held == possible(as_of, steps)
    assert held == true_dates.possible_steps_by_enumeration(steps, last_instant(as_of))


ORDERS = st.sampled_from([0, 0, 1, -1])
CROWDED = st.sampled_from([*["2022", "2022-02"] * 2, "2022-01-31", "../2022", "0001", "../0001"])
"""Few dates, so that several steps have the same."""
TIMELINES = st.one_of(
    st.lists(st.builds(Step, EFFECTIVE, ORDERS), min_size=1, max_size=4),
    st.lists(st.builds(Step, CROWDED, ORDERS), min_size=2, max_size=5),
).map(lambda steps: [step._replace(seq=seq) for seq, step in enumerate(steps)])
LONG_TIMELINES = st.lists(st.builds(Step, EFFECTIVE | CROWDED, ORDERS), min_size=4, max_size=9).map(
    lambda steps: [step._replace(seq=seq) for seq, step in enumerate(steps)]
)


@given(TIMELINES, AS_OF | st.sampled_from(["2021", "2022", "2022-02-15", "0001-06"]))
def test_the_steps_that_may_hold_are_those_of_full_enumeration(
    timeline: list[Step], as_of: str
) -> None:
    expected = true_dates.possible_steps_by_enumeration(timeline, last_instant(as_of))
    assert expected == possible(as_of, timeline)
    assert expected == true_dates.possible_steps(timeline, last_instant(as_of))
    begun = [step for step in timeline if step.dates.sorts_at <= last_instant(as_of)]
    answered = max(begun, key=lambda step: (step.dates.sorts_at, *step.turn), default=None)
    assert answered in expected


def before(timeline: list[Step], step: Step) -> list[Step | None]:
    """What may have come just before a step, in order; None: nothing."""
    candidates = [
        {**item._asdict(), "id": str(item.seq), "stance": "support", "condition": None}
        for item in timeline
    ]
    steps = steps_before_change(str(step.seq), candidates)
    return [None if fields["id"] is None else timeline[fields["seq"]] for fields in steps]


@pytest.mark.parametrize(
    ("timeline", "expected"),
    [
        ("2021:0 2022:0 2022-06:0 2023:0", [[None], [0, 2], [0, 1], [1, 2]]),
        # of one date, the order is on record
        ("2022:0 2022:1 2022:2", [[None], [0], [1]]),
        ("2022:0 2022:1 2022-06:0", [[None, 2], [0, 2], [None, 0, 1]]),
        # two dates that have one instant in common, where the order decides
        ("2022-06-30T23:59:59.999999Z:1 2022-06:0", [[1], [None]]),
        ("2022-06-30T23:59:59.999999Z:0 2022-06:1", [[None, 1], [None, 0]]),
        # at the latest on a day, perhaps long before
        ("2020:0 ../2022:0 2021:0", [[None, 1], [None, 0, 2], [0, 1]]),
    ],
)
def test_the_steps_that_may_come_before_are_those_of_the_table(
    timeline: str, expected: list[list[int | None]]
) -> None:
    fields = [step.rpartition(":") for step in timeline.split()]
    steps = [Step(date, int(order), seq) for seq, (date, _, order) in enumerate(fields)]
    for step, numbers in zip(steps, expected, strict=True):
        named = {None if number is None else steps[number] for number in numbers}
        assert named == {*before(steps, step)}
        if len(steps) < 4:
            assert named == true_dates.steps_before_by_enumeration(steps, step)


@given(TIMELINES.map(lambda steps: steps[:3]))
def test_the_steps_that_may_come_before_are_those_of_full_enumeration(
    timeline: list[Step],
) -> None:
    for step in timeline:
        expected = true_dates.steps_before_by_enumeration(timeline, step)
        assert expected == true_dates.steps_before(timeline, step)
        assert expected == {*before(timeline, step)}


@given(LONG_TIMELINES)
def test_the_steps_that_may_come_before_agree_with_the_model_in_long_timelines(
    timeline: list[Step],
) -> None:
    in_order = sorted(timeline, key=lambda step: (step.dates.sorts_at, *step.turn))
    for at, step in enumerate(in_order):
        answered = before(timeline, step)
        assert true_dates.steps_before(timeline, step) == {*answered}
        assert [item for item in in_order if item in answered] == [*filter(None, answered)]
        assert (in_order[at - 1] if at else None) in answered
