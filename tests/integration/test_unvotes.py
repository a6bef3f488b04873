"""Timelines of real votes: the final rows do not depend on the order of recording.

The oldest roll calls of the UN General Assembly, as `ops/bench/unvotes.py` makes them: ids and
`order` are given, so nothing depends on the order of recording. The data is not part of the
repository.
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
from tests.support.store import Store, open_store, run_api

DATA = Path(os.environ.get("ONRECORD_UNVOTES", Path(__file__).parents[3] / "shared/data/unvotes"))
VOTES = 5_000

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="there is no unvotes data: ONRECORD_UNVOTES names its folder"
)


def record_votes(store: Store, *, shuffle: int | None) -> None:
    """Record the votes and fold them, 700 at a time."""
    files = (unvotes.rows(DATA / f"{name}.csv.gz") for name in ("roll_calls", "votes"))
    batch_lines: Iterator[dict[str, Any]] = unvotes.convert(*files, limit=VOTES, shuffle=shuffle)
    while batch := list(islice(batch_lines, 700)):
        store.append(*(lines.request_of(Line.model_validate(line)) for line in batch))
        store.catch_up()


def final(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """The current rows, without columns that depend on the order of recording."""
    step_columns = [
        steps.c[name] for name in ("id", "actor", "topic", "effective", "stance", "basis")
    ]
    names = ("id", "actor", "topic", "valid_from", "ord", "effective", "stance", "before_id")
    change_columns = [changes.c[name] for name in (*names, "before_stance", "kind", "change_size")]
    with store.engine.connect() as conn:
        return {
            table.name: sorted(
                tuple(row)
                for row in conn.execute(select(*columns).where(table.c.close_seq == NEVER))
            )
            for table, columns in ((steps, step_columns), (changes, change_columns))
        }


def timeline(store: Store, pair: tuple[str, str]) -> list[tuple[Any, ...]]:
    """A timeline as the read API answers it."""
    columns = ("id", "stance", "effective", "since", "order", "kind", "change_size", "basis")
    with run_api(store.url) as client:
        answer = client.get(f"/v1/actors/{pair[0]}/topics/{pair[1]}/timeline?limit=500")
    return [tuple(map(str, (item[name] for name in columns))) for item in answer.json()["items"]]


def test_shuffled_votes_give_the_same_final_timelines_as_votes_in_order_of_date(
    server_url: str, template: str
) -> None:
    results = []
    for shuffle in (None, 7):
        with postgres.database(server_url, template) as url, open_store(url) as store:
            record_votes(store, shuffle=shuffle)
            rows = final(store)
            pairs = [(actor, topic) for _, actor, topic, *_ in rows["changes"]]
            longest = max(set(pairs), key=lambda pair: (pairs.count(pair), pair))
            results.append((rows, timeline(store, longest)))
    (in_order, timeline_in_order), (shuffled, timeline_of_shuffled) = results
    assert len(in_order["changes"]) == VOTES
    assert len({row[-2] for row in in_order["changes"]}) > 2, "there are several kinds of change"
    assert in_order == shuffled
    assert len(timeline_in_order) > 5
    assert timeline_in_order == timeline_of_shuffled
