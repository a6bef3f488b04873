"""Does the read side answer what a plain walk over the events says, for any history whatever?

Random histories go through the ledger and the folds into one database; every answer by HTTP is held
against `tests.support.naive`, at random instants and sizes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select

from onrecord.domain.dates import last_instant
from onrecord.domain.events import ActorRegistered, Recorded, TopicRegistered
from onrecord.kit import db
from onrecord.ledger import read
from onrecord.ledger.append import Answer
from onrecord.projections.projection import checkpoints
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
from tests.support.record import Record, record, serving

MODEST = settings(
    max_examples=30 if postgres.GIVEN else 100,  # CI's second pass, on another server
    deadline=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a failure takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
KNOWN = st.one_of(st.just(100), st.integers(0, 100))
"""How much of its history a read knows, in percent."""


@dataclass(frozen=True)
class House:
    """One database for this file: its record, its doors."""

    record: Record
    client: httpx2.Client

    def play(self, history: History) -> "Played":
        """Append a history under new slugs and fold it; what came on record."""
        cast = Cast(f"h{uuid4().hex[:12]}")
        found = [one for batch in batches(history, cast) for one in self.record.append(*batch)]
        self.record.catch_up()
        start = min(one.seq for one in found if isinstance(one, Answer))
        with db.connect(self.record.url, role="onrecord_audit") as conn:
            return Played(cast, read.entries_from(conn, start, 1_000), self.client)


@dataclass(frozen=True)
class Played:
    """A history on record, its events in order, and a client to ask about it."""

    cast: Cast
    events: Sequence[Recorded]
    client: httpx2.Client

    def size(self, percent: int) -> int:
        """The ledger's size when so much of it was known."""
        return self.events[0].seq + len(self.events) * percent // 100

    @property
    def pairs(self) -> list[naive.Pair]:
        return [(actor, topic) for actor in self.cast.actors for topic in self.cast.topics]

    def ask(self, path: str, **params: Any) -> Any:
        """A read's answer, None for 404."""
        answer = self.client.get(f"/v1{path}", params=params)
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()

    def everything(self, path: str, **params: Any) -> list[Any] | None:
        """All items of a list, page by page."""
        items, page = [], self.ask(path, **params, limit=4)
        while page:
            items += page["items"]
            if page["next"] is None:
                return items
            page = self.ask(path, **params, limit=4, cursor=page["next"])
        return None

    def on_record(self, size: int, *names: str) -> bool:
        return all(
            naive.actor(self.events, one, size) or naive.topic(self.events, one, size)
            for one in names
        )


@pytest.fixture(scope="module")
def house(server_url: str, template: str) -> Iterator[House]:
    with (
        postgres.database(server_url, template) as url,
        record(url) as made,
        serving(url) as client,
    ):
        yield House(made, client)


def step(line: Sequence[naive.Step], one: naive.Step) -> dict[str, Any]:
    """A step as the read door gives it, as far as the law decides it."""
    before = naive.previous(line, one)
    return {
        "id": str(one.id),
        "seq": one.made_seq,
        "order": one.said.order,
        "stance": one.said.stance,
        "condition": one.said.condition,
        "effective": one.said.effective,
        "since": naive.since(line, one),
        "kind": naive.kind(before, one),
        "change_size": naive.change_size(before, one),
        "previous": before
        and {
            "id": str(before.id),
            "stance": before.said.stance,
            "since": naive.since(line, before),
        },
        "basis": [str(basis) for basis in one.said.basis],
        "summary": one.said.summary,
    }


def held(played: Played, pair: naive.Pair, as_of: str, size: int) -> dict[str, Any] | None:
    """The whole answer about a position."""
    if not played.on_record(size, *pair):
        return None
    instant = last_instant(as_of)
    line = naive.steps(played.events, pair, size)
    now = naive.held(line, instant)
    certainty, alternatives = naive.certainty(line, instant)
    said: dict[str, Any] = dict.fromkeys(
        ("id", "stance", "condition", "effective", "since", "kind", "change_size", "previous")
    )
    said |= {"basis": [], "summary": None} if now is None else step(line, now)
    said = {name: value for name, value in said.items() if name not in ("seq", "order")}
    words = {
        str(id_): wording.said.content.text
        for id_ in (now.said.basis if now else ())
        if (wording := naive.statement(played.events, id_, size)) and wording.status != "retracted"
    }
    return said | {
        "on_record": now is not None,
        "certainty": certainty,
        "alternatives": {str(one) if one else None for one in alternatives},
        "revision": naive.revision(played.events, pair, size),
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


def cut(items: Sequence[Any] | None, *names: str) -> list[Any] | None:
    return None if items is None else [{name: one[name] for name in names} for one in items]


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
            for pair in sorted(one for one in played.pairs if one[place] == name):
                line = naive.steps(played.events, pair, size)
                if found := naive.held(line, last_instant(as_of)):
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
        assert (wording and (wording.said.content.text, wording.status)) == (
            answer and (answer["content"]["text"], answer["status"])
        )


@settings(max_examples=200, deadline=None)
@given(histories(8), AS_OF)
def test_the_oracles_short_way_to_who_may_hold_agrees_with_trying_every_choice_of_dates(
    history: History, as_of: str
) -> None:
    cast, pair = Cast("x"), (Cast("x").actors[0], Cast("x").topics[0])
    drafts = [d for batch in batches(history, cast) for one in batch for d in one.drafts]
    positions = [d for d in drafts if d.event.type == "position.changed"][:4]
    line = [
        naive.Step(one.id, n, one.event.model_copy(update={"actor": pair[0], "topic": pair[1]}))
        for n, one in enumerate(positions)
    ]
    assert naive.enumerated(line, last_instant(as_of)) == naive.may_hold(line, last_instant(as_of))


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
