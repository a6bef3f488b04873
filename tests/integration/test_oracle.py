"""Answers of the read API, compared with a naive model of the same events.

Random histories are recorded and folded in one database; answers by HTTP are compared with the
results of `tests.support.naive` at random instants and sizes.
"""

from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select

from onrecord.domain.dates import last_instant
from onrecord.domain.events import ActorRegistered, TopicRegistered
from onrecord.kit.sql import db
from onrecord.projections.engine.checkpoints import checkpoints
from onrecord.projections.registry import PROJECTIONS
from tests.support import naive, postgres
from tests.support.histories import (
    AS_OF,
    Cast,
    History,
    batches,
    histories,
    position,
    registration,
    request,
)
from tests.support.long_histories import long_history
from tests.support.oracle import (
    KNOWN_PERCENT,
    STANDARD,
    Oracle,
    RecordedHistory,
    expected_change,
    expected_step,
    run_oracle,
    select_fields,
)
from tests.support.store import Store, open_store, run_api

LISTED = (
    *("id", "actor", "topic", "stance", "condition", "summary", "effective", "since", "certainty"),
    *("alternatives", "kind", "change_size", "previous", "basis", "coder", "recorded_at"),
)
"""What a list of positions has in common with the answers about each of them."""
OF_STEPS = ("seq", "order", "recorded_as")  # what it has besides


@pytest.fixture(scope="module")
def oracle(server_url: str, template: str) -> Iterator[Oracle]:
    with run_oracle(server_url, template) as running:
        yield running


def expected_position(
    history: RecordedHistory, pair: naive.Pair, as_of: str, size: int
) -> dict[str, Any] | None:
    """The answer of the read API about a position, by the naive model."""
    if not history.are_registered(size, *pair):
        return None
    instant = last_instant(as_of)
    timeline = naive.steps(history.events, pair, size)
    current = naive.step_at(timeline, instant)
    certainty, alternatives = naive.certainty(timeline, instant)
    expected: dict[str, Any] = dict.fromkeys(
        ("id", "stance", "condition", "effective", "since", "kind", "change_size", "previous")
    )
    expected |= (
        {"basis": [], "summary": None} if current is None else expected_step(timeline, current)
    )
    expected = {name: value for name, value in expected.items() if name not in OF_STEPS}
    wordings = {
        str(id_): wording
        for id_ in (current.fields.basis if current else ())
        if (wording := naive.statement(history.events, id_, size))
    }
    retracted = {id_ for id_, wording in wordings.items() if wording.status == "retracted"}
    bases = {step.id: step.fields.basis for step in timeline}
    root = naive.root(history.events, pair[0], size)
    return expected | {
        "actor": root,
        "on_record": current is not None or bool(alternatives),
        "certainty": certainty,
        "alternatives": {
            str(id_) if id_ else None: {
                str(cited)
                for cited in (bases[id_] if id_ else ())
                if (wording := naive.statement(history.events, cited, size))
                and wording.status == "retracted"
            }
            for id_ in alternatives
        },
        "revision": naive.revision(history.events, (root, pair[1]), size),
        "statements": {
            id_: (wording.fields.content.text, wording.status)
            for id_, wording in wordings.items()
            if id_ not in retracted
        },
        "retracted_basis": retracted,
    }


def select_expected(answer: Any, expected: dict[str, Any] | None) -> Any:
    """The expected fields of an answer."""
    if answer is None or expected is None:
        return answer
    selected = {name: answer[name] for name in expected}
    selected["alternatives"] = {
        item["id"]: {statement["id"] for statement in item["retracted_basis"]}
        for item in answer["alternatives"]
    }
    selected["statements"] = {
        item["id"]: (item["content"]["text"], item["status"]) for item in answer["statements"]
    }
    selected["retracted_basis"] = {item["id"] for item in answer["retracted_basis"]}
    return selected


@STANDARD
@given(histories(8), st.lists(st.tuples(AS_OF, KNOWN_PERCENT), min_size=6, max_size=10))
def test_positions_and_timelines_match_the_naive_model(
    oracle: Oracle, random_history: History, reads: list[tuple[str, int]]
) -> None:
    history = oracle.record(random_history)
    for n, (as_of, percent) in enumerate(reads):
        size = history.size(percent)
        for pair in history.pairs if n == 0 else history.pairs[:1]:
            path = f"/actors/{pair[0]}/topics/{pair[1]}"
            expected = expected_position(history, pair, as_of, size)
            answer = history.get(f"{path}/position", as_of=as_of, known_size=size)
            assert expected == select_expected(answer, expected)
            timeline = naive.steps(history.events, pair, size)
            if answer and answer["kind"] == "reaffirmed" and answer["certainty"] == "definite":
                interrupted = naive.may_be_interrupted(timeline, last_instant(as_of))
                assert interrupted == ("perhaps not all the time between" in answer["cite"])
            steps = (
                [expected_change(timeline, step) for step in timeline]
                if history.are_registered(size, *pair)
                else None
            )
            items = history.get_all_pages(f"{path}/timeline", known_size=size)
            assert steps == select_fields(items, *(steps[0] if steps else ()))


@STANDARD
@given(histories(8), AS_OF, KNOWN_PERCENT)
def test_lists_statements_and_names_match_the_naive_model(
    oracle: Oracle, random_history: History, as_of: str, percent: int
) -> None:
    history = oracle.record(random_history)
    size = history.size(percent)
    for index, kind in enumerate(("actor", "topic")):
        for name in (history.cast.actors, history.cast.topics)[index]:
            expected: list[Any] = []
            roots = {(naive.root(history.events, a, size), topic) for a, topic in history.pairs}
            target = naive.root(history.events, name, size) if kind == "actor" else name
            for pair in sorted(pair for pair in roots if pair[index] == target):
                path = f"/actors/{pair[0]}/topics/{pair[1]}/position"
                answer = history.get(path, as_of=as_of, known_size=size)
                timeline = naive.steps(history.events, pair, size)
                current = naive.step_at(timeline, last_instant(as_of))
                possible = naive.certainty(timeline, last_instant(as_of))[0] == "possible"
                if current or possible:
                    step = expected_step(timeline, current) if current else {}
                    of_step = {field: step.get(field) for field in OF_STEPS}
                    expected += select_fields([answer | of_step], *LISTED, *OF_STEPS) or ()
            items = history.get_all_pages(
                f"/{kind}s/{name}/positions", as_of=as_of, known_size=size
            )
            assert (expected if history.are_registered(size, name) else None) == select_fields(
                items, *LISTED, *OF_STEPS
            )
    for name in history.cast.actors:
        state = naive.actor(history.events, name, size)
        answer = history.get(f"/actors/{name}", known_size=size)
        names = state and [{"name": item.name, "lang": item.lang} for item in state.names]
        assert names == (answer and answer["names"])
    for recorded in [
        recorded for recorded in history.events if recorded.event.makes == "statement"
    ]:
        wording = naive.statement(history.events, recorded.id, size)
        answer = history.get(f"/statements/{recorded.id}", known_size=size)
        assert (wording and (wording.fields.content.text, wording.status)) == (
            answer and (answer["content"]["text"], answer["status"])
        )


def test_a_history_of_thousands_of_events_matches_the_naive_model(oracle: Oracle) -> None:
    history = oracle.record(long_history(seed=4, length=2_500))
    assert len(history.events) > 3_000
    random = Random(5)
    for _ in range(60):
        pair = random.choice(history.pairs)
        as_of = f"202{random.randint(0, 4)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
        size = history.size(random.choice([100, random.randint(0, 100)]))
        timeline = naive.steps(history.events, pair, size)
        now = naive.step_at(timeline, last_instant(as_of))
        expected = (
            expected_step(timeline, now) if now and history.are_registered(size, *pair) else {}
        )
        shared = [name for name in expected if name not in (*OF_STEPS, "certainty")]
        path = f"/actors/{pair[0]}/topics/{pair[1]}/position"
        answer = history.get(path, as_of=as_of, known_size=size) or {}
        assert [expected[name] for name in shared] == [answer[name] for name in shared]
        assert bool(expected) == bool(answer.get("id"))


def rows(store: Store, table: Table) -> list[tuple[Any, ...]]:
    with store.engine.connect() as conn:
        columns = [column for column in table.c if column.name != "moved_at"]
        # the columns are chosen at run time
        return sorted(map(repr, conn.execute(select(*columns))))  # type: ignore[arg-type]


def test_folding_commit_by_commit_gives_the_same_rows_as_folding_all_at_once(
    server_url: str, template: str
) -> None:
    """There are more entries than fit in a page, so the second fold has several pages."""
    tables = [table for projection in PROJECTIONS for table in projection.tables]

    @settings(max_examples=25, deadline=None, database=None)
    @given(histories(15, 40))
    def record(history: History) -> None:
        for batch in batches(history, Cast(f"h{uuid4().hex[:12]}")):
            store.append(*batch)
            store.catch_up()

    with postgres.database(server_url, template) as url:
        with open_store(url) as store:
            record()
            size = len(store.events())
            expected = {table.name: rows(store, table) for table in [*tables, checkpoints]}
        assert size > 500
        with (
            postgres.database(server_url, urlsplit(url).path.removeprefix("/")) as copy,
            db.connect(copy) as conn,
        ):
            for table in [*tables, checkpoints]:
                conn.execute(f"TRUNCATE {table.fullname}")
            with open_store(copy) as refolded:
                refolded.catch_up()
                for table in [*tables, checkpoints]:
                    assert expected[table.name] == rows(refolded, table), table.name


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_the_servers_time_zone_does_not_change_the_answers(database_url: str, zone: str) -> None:
    """`../D` begins in year 1 and a date may end in 9999: in local time both leave the calendar."""
    name = urlsplit(database_url).path.removeprefix("/")
    with db.connect(database_url) as conn:
        conn.execute(f"ALTER DATABASE \"{name}\" SET timezone = '{zone}'")
    ann, talks = ActorRegistered(id="ann", kind="person"), TopicRegistered(id="talks")
    requests = [
        request(uuid4(), position(effective=date)) for date in ("../2022", "2022-06", "9999")
    ]
    with open_store(database_url) as store, run_api(database_url) as client:
        store.append(registration(ann), registration(talks), *requests)
        store.catch_up()
        answer = client.get("/v1/actors/ann/topics/talks/timeline")
    assert answer.status_code == 200
    assert [item["effective"] for item in answer.json()["items"]] == ["2022-06", "../2022", "9999"]
