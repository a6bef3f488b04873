"""Is an endpoint sent exactly what its filters say, whoever asks for it and in whatever way?

One history of a thousand events, with merges, corrections and late arrivals; filters drawn from a
seed; what should match is worked out by `naive`, which knows no SQL. The fan-out, the feed and the
dry run must agree with it, and so must a body with what `naive` says of the change.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
from httpx2 import Client
from onrecord.domain.event import RecordedEvent

from onrecord.domain.changes import CHANGE_KINDS
from onrecord.domain.decisions import Touches
from onrecord.domain.events import EVENT_CLASSES, PositionChanged
from onrecord.kit.sql import db
from onrecord.ledger.entry import parse_touches
from onrecord.webhooks.api import endpoints
from onrecord.webhooks.matching import Filter
from tests.support import naive, postgres
from tests.support.histories import Cast, batches
from tests.support.long_histories import long_history
from tests.support.record import Record, record, serving

CAST = Cast("m")
TYPES = sorted({type_ for type_, _ in EVENT_CLASSES})
FILTERS = 80


@dataclass(frozen=True)
class Seen:
    """An event as a filter sees it."""

    recorded: RecordedEvent
    touches: Touches
    roots: dict[str, str]
    """Whom each actor of the cast meant then."""
    kind: str | None
    change: dict[str, Any] | None


@dataclass(frozen=True)
class Played:
    """A history on record, and as many endpoints as filters, fanned out from the first event."""

    record: Record
    seen: list[Seen]
    filters: dict[UUID, Filter]

    def wanted(self, filter_: Filter) -> list[Seen]:
        """What passes, by the rules alone."""
        return [one for one in self.seen if passes(one, filter_)]


def passes(one: Seen, asked: Filter) -> bool:
    meant = {one.roots[name] for name in asked.actors}
    touched_ = {one.roots[name] for name in one.touches.actors}
    return (
        (not asked.types or one.recorded.event.type in asked.types)
        and (not asked.actors or bool(meant & touched_))
        and (not asked.topics or bool({*asked.topics} & {*one.touches.topics}))
        and (not asked.kinds or one.kind in asked.kinds)
    )


@pytest.fixture(scope="module")
def played(server_url: str, template: str) -> Iterator[Played]:
    with postgres.database(server_url, template) as url, record(url) as made:
        for batch in batches(long_history(seed=7, length=450), CAST):
            made.append(*batch)
        events = made.events()
        with db.connect(url, role="onrecord_audit") as conn:
            rows = conn.execute("SELECT entry FROM ledger.entries ORDER BY seq").fetchall()
        seen = [
            as_seen(events, one, parse_touches(bytes(entry)))
            for one, (entry,) in zip(events, rows, strict=True)
        ]
        filters = dict(drawn(Random(11)))
        with psycopg.connect(url) as conn:
            for id_, one in filters.items():
                subscribe(conn, id_, one)
        made.fan_out()
        yield Played(made, seen, filters)


def as_seen(events: list[RecordedEvent], one: RecordedEvent, touches: Touches) -> Seen:
    size = one.seq + 1
    roots = {name: naive.root(events, name, size) for name in CAST.actors}
    if not isinstance(one.event, PositionChanged):
        return Seen(one, touches, roots, None, None)
    line = naive.steps(events, (one.event.actor, one.event.topic), size)
    step = next(other for other in line if other.id == one.id)
    before = naive.previous(line, step)
    kind = naive.kind(before, step)
    change = {
        "kind": kind,
        "size": naive.change_size(before, step),
        "late": step is not line[-1],
        "previous": before
        and {
            "id": str(before.id),
            "stance": before.said.stance,
            "condition": before.said.condition,
            "effective": before.said.effective,
        },
    }
    return Seen(one, touches, roots, kind, change)


def drawn(chance: Random) -> Iterator[tuple[UUID, Filter]]:
    names: dict[str, list[str]] = {
        "types": TYPES,
        "actors": CAST.actors,
        "topics": CAST.topics,
        "kinds": [*CHANGE_KINDS],
    }
    for n in range(FILTERS):
        parts: dict[str, Any] = {
            name: tuple(chance.sample(some, chance.randint(1, min(3, len(some)))))
            for name, some in names.items()
            if chance.random() < 0.4
        }
        yield UUID(int=n + 1), Filter(**parts)


def subscribe(conn: psycopg.Connection[Any], id_: UUID, wanted: Filter) -> None:
    """An endpoint that has been there from the first event on."""
    conn.execute(
        "INSERT INTO webhooks.endpoints"
        " (id, url, types, actors, topics, kinds, ordered, secret, size)"
        " VALUES (%s, 'http://127.0.0.1:1/', %s, %s, %s, %s, false, 'none', 0)",
        [id_, *(list(getattr(wanted, one)) for one in ("types", "actors", "topics", "kinds"))],
    )
    for by, name in wanted.interests:
        conn.execute("INSERT INTO webhooks.interests VALUES (%s, %s, %s)", [by, name, id_])


@pytest.fixture(scope="module")
def client(played: Played) -> Iterator[Client]:
    with serving(played.record.url) as made:
        yield made


def test_the_history_has_everything_that_a_filter_can_tell_apart(played: Played) -> None:
    kinds = {one.kind for one in played.seen} - {None}
    assert {"adopted", "reaffirmed", "softened", "hardened", "shifted", "reversed"} <= kinds
    assert {True, False} == {one.change["late"] for one in played.seen if one.change}
    merged = [one for one in played.seen if {*one.touches.actors} - {*one.roots.values()}]
    assert len(merged) > 5
    sizes = [len(played.wanted(one)) for one in played.filters.values()]
    assert min(sizes) == 0
    assert sum(size > 20 for size in sizes) > FILTERS / 4


def test_the_fan_out_makes_a_delivery_of_each_event_that_passes_and_of_no_other(
    played: Played,
) -> None:
    with psycopg.connect(played.record.url) as conn:
        rows = conn.execute(
            "SELECT endpoint, array_agg(seq ORDER BY id) FROM webhooks.deliveries GROUP BY endpoint"
        ).fetchall()
    found: dict[UUID, list[int]] = dict(rows)
    for id_, filter_ in played.filters.items():
        expected = [one.recorded.seq for one in played.wanted(filter_)]
        assert expected == found.get(id_, []), filter_


def test_the_feed_gives_the_same_page_by_page_with_each_change_told(
    client: Client, played: Played
) -> None:
    for id_, filter_ in list(played.filters.items())[:40]:
        expected = played.wanted(filter_)
        items: list[dict[str, Any]] = []
        asked: dict[str, Any] = {"limit": 197}
        while asked:
            page = client.get(f"/v1/endpoints/{id_}/feed", params=asked).json()
            items += page["items"]
            asked = {"limit": 197, "cursor": page["next"]} if page["next"] else {}
        assert [str(one.recorded.seq) for one in expected] == [one["sequence"] for one in items]
        for one, item in zip(expected, items, strict=True):
            assert (str(one.recorded.id), one.recorded.event.type) == (item["id"], item["type"])
            assert one.change == item["data"].get("change")


def test_the_dry_run_finds_the_same_among_the_last_events(client: Client, played: Played) -> None:
    size = len(played.seen)
    for filter_ in played.filters.values():
        body = {name: list(getattr(filter_, name)) for name in filter_.params}
        answer = client.post("/v1/endpoints/dry-run", json={**body, "events": 300})
        if filter_.kinds and filter_.types and "position.changed" not in filter_.types:
            assert answer.status_code == 422
            continue
        told = answer.json()
        expected = [
            one.recorded.seq for one in played.wanted(filter_) if one.recorded.seq >= size - 300
        ]
        assert (size - 300, size, len(expected)) == (
            told["from_size"],
            told["to_size"],
            told["matched"],
        )
        assert expected[::-1][:100] == [one["seq"] for one in told["items"]]


def test_a_replay_of_everything_counts_what_it_will_send(
    client: Client, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Piece by piece: no statement may take as long as a large ledger would make it."""
    monkeypatch.setattr(endpoints, "COUNTED", 7)
    for id_, filter_ in list(played.filters.items())[:20]:
        asked = client.post(f"/v1/endpoints/{id_}/replay", json={"from_size": 100})
        assert asked.status_code == 202, asked.text
        expected = [one for one in played.wanted(filter_) if one.recorded.seq >= 100]
        assert len(expected) == asked.json()["events"]


def test_events_by_name_and_kind_are_what_they_touch_in_every_form(
    client: Client, played: Played
) -> None:
    """The proof door takes names as they stand in entries: a merged actor is a name of its own."""
    for filter_ in played.filters.values():
        given = {name[:-1]: list(getattr(filter_, name)) for name in filter_.params}
        expected = [
            one.recorded.seq
            for one in played.seen
            if (not filter_.types or one.recorded.event.type in filter_.types)
            and (not filter_.actors or {*filter_.actors} & {*one.touches.actors})
            and (not filter_.topics or {*filter_.topics} & {*one.touches.topics})
            and (not filter_.kinds or one.kind in filter_.kinds)
        ]
        page = client.get("/v1/events", params={**given, "limit": 1000}).json()["items"]
        accept = {"Accept": "application/x-ndjson"}
        lines = client.get("/v1/events", params=given, headers=accept).text.splitlines()
        assert expected == [one["entry"]["seq"] for one in page]
        assert expected == [json.loads(one)["entry"]["seq"] for one in lines]
