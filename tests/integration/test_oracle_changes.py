"""The list of changes against the naive model: every step once, with its kind, in both orders."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.domain.changes import CHANGE_KINDS
from onrecord.domain.dates import bounds, last_instant
from onrecord.projections.queries import ChangeOrder
from tests.support import naive
from tests.support.histories import AS_OF, History, histories
from tests.support.oracle import (
    KNOWN_PERCENT,
    STANDARD,
    Oracle,
    expected_change,
    run_oracle,
    select_fields,
)

DATES: Final = ("effective_from", "effective_to")


@pytest.fixture(scope="module")
def oracle(server_url: str, template: str) -> Iterator[Oracle]:
    with run_oracle(server_url, template) as running:
        yield running


ORDERS: st.SearchStrategy[ChangeOrder] = st.sampled_from(["known", "valid"])
KINDS: st.SearchStrategy[list[str]] = st.one_of(
    st.just([]), st.lists(st.sampled_from(CHANGE_KINDS), max_size=3, unique=True)
)
FROM_TO: st.SearchStrategy[dict[str, str]] = st.one_of(
    st.just({}), st.fixed_dictionaries({}, optional=dict.fromkeys(DATES, AS_OF))
)


@STANDARD
@given(histories(8), KNOWN_PERCENT, ORDERS, KINDS, st.sampled_from([None, 0, 2, 4]), FROM_TO)
def test_changes_are_the_steps_of_all_timelines_filtered_by_kind_and_date(
    oracle: Oracle,
    history: History,
    percent: int,
    by: ChangeOrder,
    kinds: list[str],
    min_change_size: int | None,
    dates: dict[str, str],
) -> None:
    recorded = oracle.record(history)
    size = recorded.size(percent)
    root = naive.root(recorded.events, recorded.cast.actors[0], size)
    matching = []
    for topic in recorded.cast.topics:
        timeline = naive.steps(recorded.events, (root, topic), size)
        for timeline_step in timeline:
            change = expected_change(timeline, timeline_step) | {"actor": root, "topic": topic}
            size_of_change = change["change_size"]
            if (kinds and change["kind"] not in kinds) or (
                min_change_size is not None
                and (size_of_change is None or size_of_change < min_change_size)
            ):
                continue
            start, end = dates.get("effective_from"), dates.get("effective_to")
            if (start and timeline_step.dates.latest < bounds(start).earliest) or (
                end and timeline_step.dates.sorts_at > last_instant(end)
            ):
                continue
            matching.append(
                (timeline_step.made_seq if by == "known" else timeline_step.place, change)
            )
    expected = [change for _, change in sorted(matching, key=itemgetter(0), reverse=True)]
    params: dict[str, Any] = {"known_size": size, "by": by, "kind": kinds, **dates}
    if min_change_size is not None:
        params["change_size"] = min_change_size
    actor = recorded.cast.actors[0]
    items = recorded.get_all_pages("/changes", actor=actor, **params)
    if not recorded.are_registered(size, actor):
        assert items is None
        return
    assert expected == select_fields(items, *(expected[0] if expected else ()))
