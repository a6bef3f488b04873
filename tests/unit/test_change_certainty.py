"""Certainty of changes in the naive model, compared with the enumeration of all true dates."""

from typing import Any

from hypothesis import given, settings

from onrecord.domain.dates import last_instant
from tests.support import naive, true_dates
from tests.support.histories import Cast, History, batches, histories
from tests.support.oracle import change_certainty


def short_timeline(history: History) -> list[naive.Step]:
    """Three of the first four positions of a history, as if they were of one actor and topic."""
    drafts = [d for batch in batches(history, Cast("x")) for r in batch for d in r.events]
    positions = [d for d in drafts if d.event.type == "position.changed"][:4]
    steps = [naive.Step(draft.id, n, draft.event) for n, draft in enumerate(positions)]
    return sorted(steps, key=lambda step: step.place)[:3]  # enumerating four takes minutes


@settings(max_examples=60, deadline=None)
@given(histories(8))
def test_a_definite_change_comes_after_one_stance_whatever_the_dates_are(history: History) -> None:
    timeline = short_timeline(history)
    before: dict[Any, set[naive.FullStance]] = {step.id: set() for step in timeline}
    for dated in true_dates.true_dates(timeline, last_instant("2022-01-31")):
        previous = naive.NO_STANCE
        for _, step in sorted(dated, key=lambda item: (item[0], item[1].turn)):
            before[step.id].add(previous)
            previous = step.full_stance
    for step in timeline:
        assert change_certainty(timeline, step) == "possible" or len(before[step.id]) == 1
