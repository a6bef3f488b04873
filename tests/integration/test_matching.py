"""Tests that filters match the same events in the fan-out, the feed, the dry run and a replay.

One history of a thousand events, with merges, corrections and late arrivals, and random filters
from a seed. The expected events and changes are computed by `naive`, without SQL.
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

from onrecord.audit import filters as audit_filters
from onrecord.domain.changes import CHANGE_KINDS
from onrecord.domain.decisions import Touches
from onrecord.domain.event import RecordedEvent
from onrecord.domain.events import EVENT_CLASSES, PositionChanged
from onrecord.kit.sql import db
from onrecord.ledger.entry import parse_touches
from onrecord.webhooks import matching
from onrecord.webhooks.api import replays
from onrecord.webhooks.matching import FILTERS as PARTS
from onrecord.webhooks.matching import Filter
from tests.support import naive, postgres
from tests.support.histories import Cast, batches
from tests.support.long_histories import long_history
from tests.support.store import Store, open_store, run_api

CAST = Cast("m")
TYPES = sorted({type_ for type_, _ in EVENT_CLASSES})
FILTERS = 80


@dataclass(frozen=True)
class MatchedEvent:
    """An event, and what filters compare of it. `roots`: the merged actor of each actor by then."""

    recorded: RecordedEvent
    touches: Touches
    roots: dict[str, str]
    kind: str | None
    change: dict[str, Any] | None


@dataclass(frozen=True)
class History:
    """A recorded history, fanned out from its first event to an endpoint for each filter."""

    record: Store
    events: list[MatchedEvent]
    filters: dict[UUID, Filter]

    def matching(self, filter_: Filter) -> list[MatchedEvent]:
        """The events that pass a filter, by the rules alone."""
        return [event for event in self.events if passes(event, filter_)]


def passes(event: MatchedEvent, filter_: Filter) -> bool:
    wanted_roots = {event.roots[name] for name in filter_.actors}
    touched_roots = {event.roots[name] for name in event.touches.actors}
    return (
        (not filter_.types or event.recorded.event.type in filter_.types)
        and (not filter_.actors or bool(wanted_roots & touched_roots))
        and (not filter_.topics or bool({*filter_.topics} & {*event.touches.topics}))
        and (not filter_.kinds or event.kind in filter_.kinds)
    )


@pytest.fixture(scope="module")
def history(server_url: str, template: str) -> Iterator[History]:
    with postgres.database(server_url, template) as url, open_store(url) as recorded:
        for batch in batches(long_history(seed=7, length=450), CAST):
            recorded.append(*batch)
        events = recorded.events()
        with db.connect(url, role="onrecord_audit") as conn:
            rows = conn.execute("SELECT entry FROM ledger.entries ORDER BY seq").fetchall()
        matched = [
            matched_event(events, event, parse_touches(bytes(entry)))
            for event, (entry,) in zip(events, rows, strict=True)
        ]
        filters = dict(random_filters(Random(11)))
        with psycopg.connect(url) as conn:
            for id_, filter_ in filters.items():
                subscribe(conn, id_, filter_)
        recorded.fan_out()
        yield History(recorded, matched, filters)


def matched_event(
    events: list[RecordedEvent], recorded: RecordedEvent, touches: Touches
) -> MatchedEvent:
    size = recorded.seq + 1
    roots = {name: naive.root(events, name, size) for name in CAST.actors}
    if not isinstance(recorded.event, PositionChanged):
        return MatchedEvent(recorded, touches, roots, None, None)
    line = naive.steps(events, (recorded.event.actor, recorded.event.topic), size)
    step = next(step for step in line if step.id == recorded.id)
    before = naive.previous(line, step)
    kind = naive.kind(before, step)
    change = {
        "kind": kind,
        "size": naive.change_size(before, step),
        "late": step is not line[-1],
        "previous": before
        and {
            "id": str(before.id),
            "stance": before.fields.stance,
            "condition": before.fields.condition,
            "effective": before.fields.effective,
        },
    }
    return MatchedEvent(recorded, touches, roots, kind, change)


def random_filters(random: Random) -> Iterator[tuple[UUID, Filter]]:
    names: dict[str, list[str]] = {
        "types": TYPES,
        "actors": CAST.actors,
        "topics": CAST.topics,
        "kinds": [*CHANGE_KINDS],
    }
    for n in range(FILTERS):
        parts: dict[str, Any] = {
            part: tuple(random.sample(values, random.randint(1, min(3, len(values)))))
            for part, values in names.items()
            if random.random() < 0.4
        }
        yield UUID(int=n + 1), Filter(**parts)


def subscribe(conn: psycopg.Connection[Any], id_: UUID, filter_: Filter) -> None:
    """Insert an endpoint that wants events from the first one on."""
    conn.execute(
        "INSERT INTO webhooks.endpoints"
        " (id, url, types, actors, topics, kinds, ordered, encrypted_secret, size)"
        " VALUES (%s, 'http://127.0.0.1:1/', %s, %s, %s, %s, false, 'none', 0)",
        [id_, *(list(getattr(filter_, part)) for part in ("types", "actors", "topics", "kinds"))],
    )
    for by, name in filter_.interests:
        conn.execute("INSERT INTO webhooks.interests VALUES (%s, %s, %s)", [by, name, id_])


@pytest.fixture(scope="module")
def client(history: History) -> Iterator[Client]:
    with run_api(history.record.url) as served:
        yield served


def test_the_history_has_everything_that_filters_distinguish(history: History) -> None:
    kinds = {event.kind for event in history.events} - {None}
    assert {"adopted", "reaffirmed", "softened", "hardened", "shifted", "reversed"} <= kinds
    assert {True, False} == {event.change["late"] for event in history.events if event.change}
    merged = [
        event for event in history.events if {*event.touches.actors} - {*event.roots.values()}
    ]
    assert len(merged) > 5
    sizes = [len(history.matching(filter_)) for filter_ in history.filters.values()]
    assert min(sizes) == 0
    assert sum(size > 20 for size in sizes) > FILTERS / 4


def test_the_fan_out_writes_a_delivery_for_exactly_the_matching_events(history: History) -> None:
    with psycopg.connect(history.record.url) as conn:
        rows = conn.execute(
            "SELECT endpoint, array_agg(seq ORDER BY id) FROM webhooks.deliveries GROUP BY endpoint"
        ).fetchall()
    delivered: dict[UUID, list[int]] = dict(rows)
    for id_, filter_ in history.filters.items():
        expected = [event.recorded.seq for event in history.matching(filter_)]
        assert expected == delivered.get(id_, []), filter_


@pytest.mark.parametrize(("max_entries", "filters"), [(10_000, 40), (9, 12)])
def test_the_feed_pages_through_the_same_events_with_their_changes(
    client: Client,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    max_entries: int,
    filters: int,
) -> None:
    """Also where a page takes many queries, because few of the entries that each looks at pass."""
    monkeypatch.setattr(matching, "MAX_ENTRIES", max_entries)
    for id_, filter_ in list(history.filters.items())[:filters]:
        expected = history.matching(filter_)
        items: list[dict[str, Any]] = []
        sizes: list[int] = []
        params: dict[str, Any] = {"limit": 197}
        while params:
            page = client.get(f"/v1/endpoints/{id_}/feed", params=params).json()
            items += page["items"]
            sizes.append(len(page["items"]))
            params = {"limit": 197, "cursor": page["next"]} if page["next"] else {}
        full, rest = divmod(len(expected), 197)
        assert [197] * full + [rest] * (rest > 0 or not full) == sizes
        assert [str(event.recorded.seq) for event in expected] == [
            item["sequence"] for item in items
        ]
        for event, item in zip(expected, items, strict=True):
            recorded = event.recorded
            assert (str(recorded.id), recorded.event.type) == (item["id"], item["type"])
            change = item["data"].get("change")
            assert event.change == (change and {name: change[name] for name in event.change or ()})


def test_the_dry_run_lists_the_same_of_the_last_events(client: Client, history: History) -> None:
    size = len(history.events)
    for filter_ in history.filters.values():
        body = {name: list(getattr(filter_, name)) for name in PARTS}
        answer = client.post("/v1/endpoints/dry-run", json={**body, "events": 300})
        if filter_.kinds and filter_.types and "position.changed" not in filter_.types:
            assert answer.status_code == 422
            continue
        dry_run = answer.json()
        matching = [event.recorded.seq for event in history.matching(filter_)]
        expected = [seq for seq in matching if seq >= size - 300]
        assert (size - 300, size, len(expected)) == (
            dry_run["from_size"],
            dry_run["to_size"],
            dry_run["matched"],
        )
        assert expected[::-1][:100] == [item["seq"] for item in dry_run["items"]]


def test_a_replay_counts_what_it_will_send(
    client: Client, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    # counted in pages, so that no statement takes long
    monkeypatch.setattr(replays, "COUNT_PAGE", 7)
    monkeypatch.setattr(matching, "MAX_ENTRIES", 11)
    for id_, filter_ in list(history.filters.items())[:20]:
        started = client.post(f"/v1/endpoints/{id_}/replay", json={"from_size": 100})
        assert started.status_code == 202, started.text
        expected = [event for event in history.matching(filter_) if event.recorded.seq >= 100]
        assert len(expected) == started.json()["events"]


def passing(history: History, filter_: Filter) -> list[int]:
    """The seqs that pass a filter in the audit API, where a merged actor is a name of its own."""
    return [
        event.recorded.seq
        for event in history.events
        if (not filter_.types or event.recorded.event.type in filter_.types)
        and (not filter_.actors or {*filter_.actors} & {*event.touches.actors})
        and (not filter_.topics or {*filter_.topics} & {*event.touches.topics})
        and (not filter_.kinds or event.kind in filter_.kinds)
    ]


def test_a_page_of_events_promises_another_only_if_an_event_passes_however_far_it_is(
    client: Client, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each query looks at few entries, so that a page takes many."""
    monkeypatch.setattr(audit_filters, "MAX_ENTRIES", 30)
    for filter_ in list(history.filters.values())[:15]:
        params: dict[str, Any] = {name[:-1]: list(getattr(filter_, name)) for name in PARTS}
        seqs: list[int] = []
        page = client.get("/v1/events", params={**params, "limit": 97}).json()
        while page["next"] is not None:
            assert 97 == len(page["items"])
            seqs += [item["entry"]["seq"] for item in page["items"]]
            more = {**params, "limit": 97, "cursor": page["next"]}
            page = client.get("/v1/events", params=more).json()
            assert page["items"]
        seqs += [item["entry"]["seq"] for item in page["items"]]
        accept = {"Accept": "application/x-ndjson"}
        lines = client.get("/v1/events", params=params, headers=accept).text.splitlines()
        expected = passing(history, filter_)
        assert expected == seqs
        assert expected == [json.loads(line)["entry"]["seq"] for line in lines]


def test_the_audit_api_filters_by_the_names_in_entries(client: Client, history: History) -> None:
    for filter_ in history.filters.values():
        given = {name[:-1]: list(getattr(filter_, name)) for name in PARTS}
        expected = passing(history, filter_)
        page = client.get("/v1/events", params={**given, "limit": 1000}).json()["items"]
        accept = {"Accept": "application/x-ndjson"}
        lines = client.get("/v1/events", params=given, headers=accept).text.splitlines()
        assert expected == [item["entry"]["seq"] for item in page]
        assert expected == [json.loads(line)["entry"]["seq"] for line in lines]
