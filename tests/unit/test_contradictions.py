"""Contradictions under inexact dates, compared with the enumeration of all true dates."""

from datetime import datetime
from itertools import chain
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.domain.contradictions import find_contradiction
from onrecord.domain.dates import Bounds, bounds
from onrecord.domain.stances import STANCES, Stance
from tests.support import true_dates
from tests.support.histories import EFFECTIVE

SIDES = {
    **dict.fromkeys(["oppose", "conditional_oppose"], "against"),
    **dict.fromkeys(["support", "conditional_support"], "for"),
    "neutral": "neutral",
}


class Step(NamedTuple):
    """A step of a timeline."""

    effective: str
    stance: Stance
    order: int = 0
    seq: int = 0

    @property
    def dates(self) -> Bounds:
        return bounds(self.effective)

    @property
    def turn(self) -> tuple[int, int]:
        return self.order, self.seq


def step(text: str, seq: int) -> Step:
    effective, stance = text.split(":")
    return Step(effective, stance, seq=seq)  # type: ignore[arg-type] # a stance by its name


@pytest.mark.parametrize(
    ("said", "read_as", "timeline", "expected"),
    [
        ("2022-06-30", "oppose", "2021:support", ("2021", "definite")),
        ("2022-06-30", "oppose", "2023:support", None),
        ("2022-06-30", "support", "2021:support 2022-06-01:oppose", ("2022-06-01", "definite")),
        # the position changed on some day of the year: it may have been before or after
        ("2022-06-30", "support", "2021:support 2022:oppose", ("2022", "possible")),
        ("2022-06-30", "oppose", "2021:support 2022:oppose", None),
        ("2022-06-30", "oppose", "2021:support ../2022-06-30:oppose", None),
        ("2022-06-30", "oppose", "2021:support ../2022:oppose", ("2021", "possible")),
        ("2022-06-30", "neutral", "2021:support 2022:oppose", ("2022", "definite")),
        # two positions of one day: it agrees with the first, until the day is over
        ("2022-06-15", "support", "2022-06-15:support 2022-06-15:oppose", None),
        (
            "2022-06-16",
            "support",
            "2022-06-15:support 2022-06-15:oppose",
            ("2022-06-15", "definite"),
        ),
        ("2022-06-30", "support", "2022:oppose", ("2022", "possible")),
        ("2022-06-30", "support", "../2022:oppose", ("../2022", "possible")),
        ("2022-06-30", "support", "2021:mixed 2022:oppose", ("2022", "possible")),
        ("2021-06-30", "support", "2021-01-01:support 2022:oppose", None),
        # the statement is of some day of the year, on one of which it agrees
        ("2022", "support", "2021:support 2022-06-01:oppose", None),
        ("2022", "neutral", "2021:support 2022-06-01:oppose", ("2022-06-01", "definite")),
        ("2022", "oppose", "2021:support 2022-06-01:mixed", ("2021", "possible")),
        ("2022", "support", "2021:support 2022:oppose", ("2022", "possible")),
        # at the latest on a day: perhaps before anything was on record
        ("../2022", "oppose", "2021:support", ("2021", "possible")),
        ("../2022", "oppose", "2020-01-01:oppose 2021:support", None),
        # only what is on the scale contradicts, or is contradicted
        ("2022-06-30", "mixed", "2021:support", None),
        ("2022-06-30", "support", "2021:no_position", None),
        ("2022-06-30", "conditional_support", "2021:support", None),
    ],
)
def test_the_contradicted_position_is_that_of_the_table(
    said: str, read_as: Stance, timeline: str, expected: tuple[str, str] | None
) -> None:
    steps = [step(text, seq) for seq, text in enumerate(timeline.split())]
    found = find_contradiction(read_as, bounds(said), steps)
    assert expected == (found and (found[0].effective, "definite" if found[1] else "possible"))


def answered(timeline: list[Step], at: datetime) -> set[datetime]:
    """The place in the timeline of the step that a read answers with."""
    return {*sorted(step.dates.sorts_at for step in timeline if step.dates.sorts_at <= at)[-1:]}


def held_at(timeline: list[Step], said: Bounds) -> dict[datetime, set[Step | None]]:
    """What may be held at each instant that the dates distinguish within those of the statement."""
    instants = true_dates.candidates(timeline, said.earliest, said.latest)
    edges = {said.earliest, said.latest, *chain(*instants.values())}
    return {
        at: true_dates.possible_steps(timeline, at)
        for at in edges
        if said.earliest <= at <= said.latest
    }


TIMELINES = st.lists(
    st.builds(Step, EFFECTIVE, st.sampled_from(STANCES), st.sampled_from([0, 0, 1, -1])),
    min_size=1,
    max_size=4,
).map(lambda steps: [step._replace(seq=seq) for seq, step in enumerate(steps)])


@given(TIMELINES, EFFECTIVE, st.sampled_from(STANCES))
def test_contradictions_are_those_of_full_enumeration(
    timeline: list[Step], said_at: str, read_as: Stance
) -> None:
    side, said = SIDES.get(read_as), bounds(said_at)
    held = held_at(timeline, said)
    steps = {*chain(*held.values())}
    sides = {SIDES.get(step.stance) if step else None for step in steps}
    places = {*chain(*(answered(timeline, at) for at in held))}
    agrees = side in [SIDES.get(s.stance) for s in steps if s and s.dates.sorts_at in places]
    found = find_contradiction(read_as, said, timeline)
    if side is None or agrees or not sides - {None, side}:
        assert found is None
    else:
        assert found is not None
        contradicted, definite = found
        assert SIDES[contradicted.stance] in sides - {None, side}
        assert definite == (not sides & {None, side})
