"""Does the list of changes show every step once, with its kind, in the order that was asked for?"""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.domain.changes import CHANGE_KINDS
from onrecord.domain.dates import bounds, last_instant
from onrecord.projections.changes.changes_read import Clock
from tests.support import naive
from tests.support.histories import AS_OF, History, histories
from tests.support.oracle import KNOWN, MODEST, House, cut, opened, step

DATES: Final = ("effective_from", "effective_to")


@pytest.fixture(scope="module")
def house(server_url: str, template: str) -> Iterator[House]:
    with opened(server_url, template) as made:
        yield made


BY: st.SearchStrategy[Clock] = st.sampled_from(["known", "valid"])
KINDS: st.SearchStrategy[list[str]] = st.one_of(
    st.just([]), st.lists(st.sampled_from(CHANGE_KINDS), max_size=3, unique=True)
)
FROM_TO: st.SearchStrategy[dict[str, str]] = st.one_of(
    st.just({}), st.fixed_dictionaries({}, optional=dict.fromkeys(DATES, AS_OF))
)


@MODEST
@given(histories(8), KNOWN, BY, KINDS, st.sampled_from([None, 0, 2, 4]), FROM_TO)
def test_the_changes_are_the_steps_of_all_lines_with_the_kinds_and_dates_asked_for(
    house: House,
    history: History,
    percent: int,
    by: Clock,
    kinds: list[str],
    least: int | None,
    dates: dict[str, str],
) -> None:
    played = house.play(history)
    size = played.size(percent)
    root = naive.root(played.events, played.cast.actors[0], size)
    found = []
    for topic in played.cast.topics:
        line = naive.steps(played.events, (root, topic), size)
        for one in line:
            said = step(line, one) | {"actor": root, "topic": topic}
            far = said["change_size"]
            if (kinds and said["kind"] not in kinds) or (
                least is not None and (far is None or far < least)
            ):
                continue
            start, end = dates.get("effective_from"), dates.get("effective_to")
            if (start and one.dates.latest < bounds(start).earliest) or (
                end and one.dates.sorts_at > last_instant(end)
            ):
                continue
            found.append((one.made_seq if by == "known" else one.place, said))
    expected = [said for _, said in sorted(found, key=itemgetter(0), reverse=True)]
    asked: dict[str, Any] = {"known_size": size, "by": by, "kind": kinds, **dates}
    if least is not None:
        asked["change_size"] = least
    items = played.everything("/changes", actor=played.cast.actors[0], **asked)
    assert expected == cut(items, *(expected[0] if expected else ()))
