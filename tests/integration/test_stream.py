"""Tests of live streams: every event once and in order, also when resumed; how streams end."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from httpx2 import Client

from onrecord.audit import routes, streams, tail
from onrecord.entrypoints.app_factory import create_app
from onrecord.entrypoints.server import ApiServer
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db
from tests.support import sse, streaming
from tests.support.bodies import error_places, expect_problem
from tests.support.keys import give_key
from tests.support.processes import until
from tests.support.store import Store
from tests.support.streaming import (
    FILTERS,
    SSE,
    append_events,
    assert_next_events,
    open_stream,
    read_lines,
)


@pytest.fixture(autouse=True)
def seeded_ledger(store: Store) -> None:
    streaming.seed_stream(store)


@pytest.mark.parametrize("params", FILTERS, ids=str)
def test_a_live_stream_sends_old_events_then_new_ones_and_can_be_resumed(
    client: Client, store: Store, params: dict[str, Any]
) -> None:
    existing = read_lines(client, **params)
    with open_stream(client, **params) as events:
        assert_next_events(events, existing)
        append_events(store, *range(20, 40))
        new = read_lines(client, **params)[len(existing) :]
        assert len(new) >= 2
        assert_next_events(events, new)
        append_events(store, *range(40, 60))
        seen = next(events)
    missed = read_lines(client, **params, after=seen.id)
    with open_stream(client, int(seen.id), **params) as events:
        assert_next_events(events, missed)
        append_events(store, *range(60, 80))
        assert_next_events(events, read_lines(client, **params, after=seen.id)[len(missed) :])


def test_events_that_match_a_filter_arrive_among_many_that_do_not(
    client: Client, store: Store
) -> None:
    with open_stream(client, 23, actor="bob") as bob, open_stream(client, 23) as all_events:
        for n in range(24, 44, 2):
            append_events(store, n)
            assert str(24 + (n - 24) // 2) == next(all_events).id
        append_events(store, 21)
        assert "34" == next(bob).id == next(all_events).id


def test_a_stream_filtered_by_kind_of_change_waits_for_the_projection(
    client: Client, store: Store
) -> None:
    store.catch_up()
    params: dict[str, Any] = {"kind": ["adopted", "reaffirmed"], "topic": ["talks", "trade"]}
    existing = read_lines(client, **params)
    assert 4 == len(existing)
    with open_stream(client, **params) as live:
        assert_next_events(live, existing)
        append_events(store, 20, 21)  # no projection has caught up
        assert existing == read_lines(client, **params)
        folding = threading.Timer(0.5, store.catch_up)
        folding.start()
        last = next(live)
        folding.join()
    assert read_lines(client, **params)[-1] == last.data


def test_every_listener_gets_all_its_events(client: Client, store: Store) -> None:
    """More listeners than the pool has connections."""
    with ExitStack() as stack:
        streams = [
            (stack.enter_context(open_stream(client, **params)), params) for params in FILTERS * 3
        ]
        append_events(store, *range(20, 40))
        for events, params in streams:
            assert_next_events(events, read_lines(client, **params))


def test_last_event_id_overrides_after(client: Client) -> None:
    with open_stream(client, 20, after=5) as events:
        assert_next_events(events, read_lines(client, after=20))


def test_a_stream_without_events_sends_keepalives(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "KEEPALIVE_INTERVAL", 0.01)
    with client.stream("GET", "/v1/events?after=23", headers={"Accept": SSE}) as answer:
        lines = sse.lines(answer.iter_bytes())
        received = [next(lines) for _ in range(6)]
    assert [line.startswith(":") for line in received] == [True, False] * 3
    assert {"", received[0]} == set(received)


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", str(2**53), "0x1"])
def test_a_last_event_id_that_is_no_seq_is_refused(client: Client, value: str) -> None:
    answer = client.get("/v1/events", headers={"Accept": SSE, "Last-Event-ID": value})
    assert ["Last-Event-ID"] == error_places(expect_problem(answer, 422, "invalid"))


def test_a_start_beyond_the_ledger_is_refused(client: Client) -> None:
    answer = client.get("/v1/events", headers={"Accept": SSE, "Last-Event-ID": "24"})
    assert ["Last-Event-ID"] == error_places(expect_problem(answer, 422, "invalid"))
    assert "24 events" in answer.json()["errors"][0]["message"]
    answer = client.get("/v1/events?after=24", headers={"Accept": SSE})
    assert ["after"] == error_places(expect_problem(answer, 422, "invalid"))


def test_a_stream_waits_for_a_replica_that_has_not_reached_its_start(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MAX_REPLICA_LAG", 30.0)

    def listen() -> sse.Event:
        with open_stream(client, 24) as events:
            return next(events)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(listen)
        append_events(store, 20, 21)
        assert "25" == first.result().id


# Ends


def test_a_server_that_stops_ends_its_streams(store: Store) -> None:
    """The server has no timeout here: if it waited for a stream, it would wait forever."""
    settings = Settings(database_url=store.url, broker_url="memory://", port=1)
    server = ApiServer(create_app(settings, frozenset({"audit"})), port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, "the server has started")
    port = server.servers[0].sockets[0].getsockname()[1]
    with (
        Client(base_url=f"http://127.0.0.1:{port}", headers=give_key(store.url)) as client,
        open_stream(client, 22) as events,
        open_stream(client, 22, actor="bob") as other,
    ):
        assert ("23", "23") == (next(events).id, next(other).id)
        server.should_exit = True
        assert ([], []) == (list(events), list(other))
    thread.join(30)
    assert not thread.is_alive()


def test_streams_end_with_the_database_and_can_be_resumed(
    client: Client, store: Store, server_url: str
) -> None:
    name = urlsplit(store.url).path.removeprefix("/")
    with psycopg.connect(server_url, autocommit=True) as conn:
        with open_stream(client, 22) as events, open_stream(client, 22, actor="bob") as other:
            assert ("23", "23") == (next(events).id, next(other).id)
            conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            assert ([], []) == (list(events), list(other))
        conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    until(lambda: client.get("/v1/events").status_code == 200, "the audit API answers again")
    append_events(store, 20)
    with open_stream(client, 23) as events:
        assert "24" == next(events).id


def test_the_ledger_is_watched_while_there_are_listeners(store: Store) -> None:
    async def listen() -> None:
        async with db.pool(store.url, role="onrecord_audit", size=1) as pool:
            ledger_tail = tail.Tail(pool)
            async with ledger_tail.listening() as first:
                async with ledger_tail.listening() as second:
                    assert first is second
                await first.wait_beyond(23, deadline=asyncio.get_running_loop().time() + 30)
                assert (24, False) == (first.size, first.over)
            assert first.over
            async with ledger_tail.listening() as third:
                assert not third.over
                ledger_tail.close()
                assert third.over
            async with ledger_tail.listening() as late:
                assert late.over

    asyncio.run(listen())
