"""Real votes, which give the same final timelines in whatever order they are recorded.

The oldest roll calls of the UN General Assembly, as `ops/bench/unvotes.py` makes them: ids and
`order` are given, so nothing depends on who came first. The data is not part of the repository.
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from onrecord.ingest import lines
from onrecord.ingest.schemas import Line
from onrecord.projections.changes.fold import changes
from onrecord.projections.engine.versions import NEVER
from onrecord.projections.positions import steps
from ops.bench import unvotes
from tests.support import postgres
from tests.support.record import Record, record, serving

DATA = Path(os.environ.get("ONRECORD_UNVOTES", Path(__file__).parents[3] / "shared/data/unvotes"))
VOTES = 5_000

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="there is no unvotes data: ONRECORD_UNVOTES names its folder"
)


def recorded(made: Record, *, shuffle: int | None) -> None:
    """Put the votes on record and fold them, some hundreds at a time."""
    files = (unvotes.rows(DATA / f"{name}.csv.gz") for name in ("roll_calls", "votes"))
    asked: Iterator[dict[str, Any]] = unvotes.convert(*files, limit=VOTES, shuffle=shuffle)
    while some := list(islice(asked, 700)):
        made.append(*(lines.request_of(Line.model_validate(one)) for one in some))
        made.catch_up()


def final(made: Record) -> dict[str, list[tuple[Any, ...]]]:
    """What is believed at the end, without what says when it came."""
    step = [steps.c[name] for name in ("id", "actor", "topic", "effective", "stance", "basis")]
    names = ("id", "actor", "topic", "valid_from", "ord", "effective", "stance", "before_id")
    change = [changes.c[name] for name in (*names, "before_stance", "kind", "change_size")]
    with made.engine.connect() as conn:
        return {
            table.name: sorted(
                tuple(row)
                for row in conn.execute(select(*columns).where(table.c.close_seq == NEVER))
            )
            for table, columns in ((steps, step), (changes, change))
        }


def timeline(made: Record, pair: tuple[str, str]) -> list[tuple[Any, ...]]:
    """A line as the read door gives it."""
    shown = ("id", "stance", "effective", "since", "order", "kind", "change_size", "basis")
    with serving(made.url) as client:
        answer = client.get(f"/v1/actors/{pair[0]}/topics/{pair[1]}/timeline?limit=500")
    return [tuple(map(str, (one[name] for name in shown))) for one in answer.json()["items"]]


def test_shuffled_votes_give_the_same_final_timelines_as_votes_in_order_of_date(
    server_url: str, template: str
) -> None:
    found = []
    for shuffle in (None, 7):
        with postgres.database(server_url, template) as url, record(url) as made:
            recorded(made, shuffle=shuffle)
            held = final(made)
            pairs = [(actor, topic) for _, actor, topic, *_ in held["changes"]]
            longest = max(set(pairs), key=lambda pair: (pairs.count(pair), pair))
            found.append((held, timeline(made, longest)))
    (in_order, line), (shuffled, line_of_shuffled) = found
    assert len(in_order["changes"]) == VOTES
    assert len({row[-2] for row in in_order["changes"]}) > 2, "there are several kinds of change"
    assert in_order == shuffled
    assert len(line) > 5
    assert line == line_of_shuffled
