"""Live streams give every event once and in order, also when resumed, and end when they must."""

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
def stage(store: Store) -> None:
    streaming.seed_stream(store)


@pytest.mark.parametrize("asked", FILTERS, ids=str)
def test_a_live_stream_gives_old_events_then_new_ones_and_can_be_resumed(
    client: Client, store: Store, asked: dict[str, Any]
) -> None:
    there = read_lines(client, **asked)
    with open_stream(client, **asked) as found:
        assert_next_events(found, there)
        append_events(store, *range(20, 40))
        fresh = read_lines(client, **asked)[len(there) :]
        assert len(fresh) >= 2
        assert_next_events(found, fresh)
        append_events(store, *range(40, 60))
        seen = next(found)
    missed = read_lines(client, **asked, after=seen.id)
    with open_stream(client, int(seen.id), **asked) as found:
        assert_next_events(found, missed)
        append_events(store, *range(60, 80))
        assert_next_events(found, read_lines(client, **asked, after=seen.id)[len(missed) :])


def test_events_that_match_a_filter_arrive_among_many_that_do_not(
    client: Client, store: Store
) -> None:
    with open_stream(client, 23, actor="bob") as bob, open_stream(client, 23) as all_:
        for n in range(24, 44, 2):
            append_events(store, n)
            assert str(24 + (n - 24) // 2) == next(all_).id
        append_events(store, 21)
        assert "34" == next(bob).id == next(all_).id


def test_a_stream_of_kinds_of_change_waits_until_they_are_known(
    client: Client, store: Store
) -> None:
    store.catch_up()
    asked: dict[str, Any] = {"kind": ["adopted", "reaffirmed"], "topic": ["talks", "trade"]}
    there = read_lines(client, **asked)
    assert 4 == len(there)
    with open_stream(client, **asked) as live:
        assert_next_events(live, there)
        append_events(store, 20, 21)  # nobody has folded them
        assert there == read_lines(client, **asked)
        folding = threading.Timer(0.5, store.catch_up)
        folding.start()
        last = next(live)
        folding.join()
    assert read_lines(client, **asked)[-1] == last.data


def test_every_listener_gets_all_its_events(client: Client, store: Store) -> None:
    """More listeners than the pool has connections."""
    with ExitStack() as stack:
        all_ = [(stack.enter_context(open_stream(client, **asked)), asked) for asked in FILTERS * 3]
        append_events(store, *range(20, 40))
        for found, asked in all_:
            assert_next_events(found, read_lines(client, **asked))


def test_last_event_id_overrides_after(client: Client) -> None:
    with open_stream(client, 20, after=5) as found:
        assert_next_events(found, read_lines(client, after=20))


def test_a_stream_without_events_sends_keepalives(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "KEEPALIVE_INTERVAL", 0.01)
    with client.stream("GET", "/v1/events?after=23", headers={"Accept": SSE}) as answer:
        lines = sse.lines(answer.iter_bytes())
        said = [next(lines) for _ in range(6)]
    assert [one.startswith(":") for one in said] == [True, False] * 3
    assert {"", said[0]} == set(said)


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


def test_a_start_that_a_replica_has_not_reached_is_waited_for(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MAX_REPLICA_LAG", 30.0)

    def listen() -> sse.Event:
        with open_stream(client, 24) as found:
            return next(found)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(listen)
        append_events(store, 20, 21)
        assert "25" == first.result().id


# Ends


def test_a_server_that_stops_ends_its_streams(store: Store) -> None:
    """The server has no deadline here, so if it waited for a stream it would wait for ever."""
    settings = Settings(database_url=store.url, broker_url="memory://", port=1)
    server = ApiServer(create_app(settings, frozenset({"audit"})), port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, "the server has started")
    port = server.servers[0].sockets[0].getsockname()[1]
    with (
        Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
        open_stream(client, 22) as found,
        open_stream(client, 22, actor="bob") as other,
    ):
        assert ("23", "23") == (next(found).id, next(other).id)
        server.should_exit = True
        assert ([], []) == (list(found), list(other))
    thread.join(30)
    assert not thread.is_alive()


def test_streams_end_with_the_database_and_can_be_resumed(
    client: Client, store: Store, server_url: str
) -> None:
    name = urlsplit(store.url).path.removeprefix("/")
    with psycopg.connect(server_url, autocommit=True) as conn:
        with open_stream(client, 22) as found, open_stream(client, 22, actor="bob") as other:
            assert ("23", "23") == (next(found).id, next(other).id)
            conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            assert ([], []) == (list(found), list(other))
        conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    until(lambda: client.get("/v1/events").status_code == 200, "the audit API answers again")
    append_events(store, 20)
    with open_stream(client, 23) as found:
        assert "24" == next(found).id


def test_the_ledger_is_watched_while_there_are_listeners(store: Store) -> None:
    async def listen() -> None:
        async with db.pool(store.url, role="onrecord_audit", size=1) as pool:
            end = tail.Tail(pool)
            async with end.listening() as first:
                async with end.listening() as second:
                    assert first is second
                await first.wait_beyond(23, deadline=asyncio.get_running_loop().time() + 30)
                assert (24, False) == (first.size, first.over)
            assert first.over
            async with end.listening() as third:
                assert not third.over
                end.close()
                assert third.over
            async with end.listening() as late:
                assert late.over

    asyncio.run(listen())
