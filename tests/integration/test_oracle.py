"""Does every answer equal what the events give, worked out naively, for any history whatever?

Random histories go through the ledger and the folds into one database; every answer by HTTP is held
against `tests.support.naive`, at random instants and sizes.
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
from onrecord.projections.engine.projection import checkpoints
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
from tests.support.oracle import KNOWN, MODEST, House, Played, cut, opened, step
from tests.support.record import Record, record, serving


@pytest.fixture(scope="module")
def house(server_url: str, template: str) -> Iterator[House]:
    with opened(server_url, template) as made:
        yield made


def held(played: Played, pair: naive.Pair, as_of: str, size: int) -> dict[str, Any] | None:
    """The whole answer about a position."""
    if not played.on_record(size, *pair):
        return None
    instant = last_instant(as_of)
    line = naive.steps(played.events, pair, size)
    now = naive.step_at(line, instant)
    certainty, alternatives = naive.certainty(line, instant)
    said: dict[str, Any] = dict.fromkeys(
        ("id", "stance", "condition", "effective", "since", "kind", "change_size", "previous")
    )
    said |= {"basis": [], "summary": None} if now is None else step(line, now)
    of_steps = ("seq", "order", "recorded_as")
    said = {name: value for name, value in said.items() if name not in of_steps}
    words = {
        str(id_): wording.fields.content.text
        for id_ in (now.fields.basis if now else ())
        if (wording := naive.statement(played.events, id_, size)) and wording.status != "retracted"
    }
    root = naive.root(played.events, pair[0], size)
    return said | {
        "actor": root,
        "on_record": now is not None,
        "certainty": certainty,
        "alternatives": {str(one) if one else None for one in alternatives},
        "revision": naive.revision(played.events, (root, pair[1]), size),
        "statements": words,
    }


def answered(answer: Any, expected: dict[str, Any] | None) -> Any:
    """An answer, cut down to what is expected of it."""
    if answer is None or expected is None:
        return answer
    cut = {name: answer[name] for name in expected}
    cut["alternatives"] = {one["id"] for one in answer["alternatives"]}
    cut["statements"] = {one["id"]: one["content"]["text"] for one in answer["statements"]}
    return cut


@MODEST
@given(histories(8), st.lists(st.tuples(AS_OF, KNOWN), min_size=6, max_size=10))
def test_every_position_and_every_line_is_what_the_events_say(
    house: House, history: History, asked: list[tuple[str, int]]
) -> None:
    played = house.play(history)
    for n, (as_of, percent) in enumerate(asked):
        size = played.size(percent)
        for pair in played.pairs if n == 0 else played.pairs[:1]:
            path = f"/actors/{pair[0]}/topics/{pair[1]}"
            expected = held(played, pair, as_of, size)
            answer = played.ask(f"{path}/position", as_of=as_of, known_size=size)
            assert expected == answered(answer, expected)
            line = naive.steps(played.events, pair, size)
            steps = [step(line, one) for one in line] if played.on_record(size, *pair) else None
            items = played.everything(f"{path}/timeline", known_size=size)
            assert steps == cut(items, *(steps[0] if steps else ()))


@MODEST
@given(histories(8), AS_OF, KNOWN)
def test_every_sheet_statement_and_name_is_what_the_events_say(
    house: House, history: History, as_of: str, percent: int
) -> None:
    played = house.play(history)
    size = played.size(percent)
    for place, of in enumerate(("actor", "topic")):
        for name in (played.cast.actors, played.cast.topics)[place]:
            now = []
            roots = {(naive.root(played.events, a, size), topic) for a, topic in played.pairs}
            mean = naive.root(played.events, name, size) if of == "actor" else name
            for pair in sorted(one for one in roots if one[place] == mean):
                line = naive.steps(played.events, pair, size)
                if found := naive.step_at(line, last_instant(as_of)):
                    now.append(step(line, found) | {"actor": pair[0], "topic": pair[1]})
            items = played.everything(f"/{of}s/{name}/positions", as_of=as_of, known_size=size)
            assert (now if played.on_record(size, name) else None) == cut(
                items, *(now[0] if now else ())
            )
    for name in played.cast.actors:
        state = naive.actor(played.events, name, size)
        answer = played.ask(f"/actors/{name}", known_size=size)
        names = state and [{"name": one.name, "lang": one.lang} for one in state.names]
        assert names == (answer and answer["names"])
    for made in [one for one in played.events if one.event.makes == "statement"]:
        wording = naive.statement(played.events, made.id, size)
        answer = played.ask(f"/statements/{made.id}", known_size=size)
        assert (wording and (wording.fields.content.text, wording.status)) == (
            answer and (answer["content"]["text"], answer["status"])
        )


@settings(max_examples=200, deadline=None)
@given(histories(8), AS_OF)
def test_the_oracles_short_way_to_who_may_hold_agrees_with_trying_every_choice_of_dates(
    history: History, as_of: str
) -> None:
    cast, pair = Cast("x"), (Cast("x").actors[0], Cast("x").topics[0])
    drafts = [d for batch in batches(history, cast) for one in batch for d in one.events]
    positions = [d for d in drafts if d.event.type == "position.changed"][:4]
    line = [
        naive.Step(one.id, n, one.event.model_copy(update={"actor": pair[0], "topic": pair[1]}))
        for n, one in enumerate(positions)
    ]
    assert naive.possible_steps_by_enumeration(line, last_instant(as_of)) == naive.possible_steps(
        line, last_instant(as_of)
    )


def test_a_history_of_thousands_of_events_answers_as_the_events_say(house: House) -> None:
    played = house.play(long_history(seed=4, length=2_500))
    assert len(played.events) > 3_000
    chance = Random(5)
    for _ in range(60):
        pair = chance.choice(played.pairs)
        as_of = f"202{chance.randint(0, 4)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        size = played.size(chance.choice([100, chance.randint(0, 100)]))
        line = naive.steps(played.events, pair, size)
        now = naive.step_at(line, last_instant(as_of))
        expected = step(line, now) if now and played.on_record(size, *pair) else {}
        shared = [name for name in expected if name not in ("seq", "order", "recorded_as")]
        path = f"/actors/{pair[0]}/topics/{pair[1]}/position"
        answer = played.ask(path, as_of=as_of, known_size=size) or {}
        assert [expected[one] for one in shared] == [answer[one] for one in shared]
        assert bool(expected) == bool(answer.get("on_record"))


def rows(made: Record, table: Table) -> list[tuple[Any, ...]]:
    with made.engine.connect() as conn:
        shown = [column for column in table.c if column.name != "moved_at"]
        # the columns are chosen at run time
        return sorted(map(repr, conn.execute(select(*shown))))  # type: ignore[arg-type]


def test_folding_in_pieces_as_they_come_equals_folding_all_at_once(
    server_url: str, template: str
) -> None:
    """More entries than one page holds, so the second fold crosses pages too."""
    tables = [table for one in PROJECTIONS for table in one.tables]

    @settings(max_examples=25, deadline=None, database=None)
    @given(histories(15, 40))
    def play(history: History) -> None:
        for batch in batches(history, Cast(f"h{uuid4().hex[:12]}")):
            live.append(*batch)
            live.catch_up()

    with postgres.database(server_url, template) as url:
        with record(url) as live:
            play()
            size = len(live.events())
            expected = {table.name: rows(live, table) for table in [*tables, checkpoints]}
        assert size > 500
        with (
            postgres.database(server_url, urlsplit(url).path.removeprefix("/")) as copy,
            db.connect(copy) as conn,
        ):
            for table in [*tables, checkpoints]:
                conn.execute(f"TRUNCATE {table.fullname}")
            with record(copy) as again:
                again.catch_up()
                for table in [*tables, checkpoints]:
                    assert expected[table.name] == rows(again, table), table.name


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_a_server_with_a_time_zone_of_its_own_gives_the_same_answers(
    database_url: str, zone: str
) -> None:
    """`../D` begins in year 1 and a date may end in 9999: in local time both leave the calendar."""
    name = urlsplit(database_url).path.removeprefix("/")
    with db.connect(database_url) as conn:
        conn.execute(f"ALTER DATABASE \"{name}\" SET timezone = '{zone}'")
    ann, talks = ActorRegistered(id="ann", kind="person"), TopicRegistered(id="talks")
    asked = [request(uuid4(), position(effective=one)) for one in ("../2022", "2022-06", "9999")]
    with record(database_url) as made, serving(database_url) as client:
        made.append(registration(ann), registration(talks), *asked)
        made.catch_up()
        answer = client.get("/v1/actors/ann/topics/talks/timeline")
    assert answer.status_code == 200
    assert [one["effective"] for one in answer.json()["items"]] == ["2022-06", "../2022", "9999"]
