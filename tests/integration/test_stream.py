"""Does a live stream give every event once and in order, resumed too, and end when it must?"""

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
from onrecord.entrypoints import app_factory
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db
from tests.support import sse, streaming
from tests.support.bodies import error_places, expect_problem
from tests.support.processes import until
from tests.support.record import Record
from tests.support.streaming import ASKED, SSE, everything, listening, put, take


@pytest.fixture(autouse=True)
def stage(on_record: Record) -> None:
    streaming.stage(on_record)


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_live_stream_gives_what_is_there_then_what_comes_then_goes_on_after_a_break(
    client: Client, on_record: Record, asked: dict[str, Any]
) -> None:
    there = everything(client, **asked)
    with listening(client, **asked) as found:
        take(found, there)
        put(on_record, *range(20, 40))
        fresh = everything(client, **asked)[len(there) :]
        assert len(fresh) >= 2
        take(found, fresh)
        put(on_record, *range(40, 60))
        seen = next(found)
    missed = everything(client, **asked, after=seen.id)
    with listening(client, int(seen.id), **asked) as found:
        take(found, missed)
        put(on_record, *range(60, 80))
        take(found, everything(client, **asked, after=seen.id)[len(missed) :])


def test_what_passes_no_filter_for_long_does_not_hide_what_does(
    client: Client, on_record: Record
) -> None:
    with listening(client, 23, actor="bob") as bob, listening(client, 23) as all_:
        for n in range(24, 44, 2):
            put(on_record, n)
            assert str(24 + (n - 24) // 2) == next(all_).id
        put(on_record, 21)
        assert "34" == next(bob).id == next(all_).id


def test_a_stream_of_kinds_of_change_waits_until_they_are_known(
    client: Client, on_record: Record
) -> None:
    on_record.catch_up()
    asked: dict[str, Any] = {"kind": ["adopted", "reaffirmed"], "topic": ["talks", "trade"]}
    there = everything(client, **asked)
    assert 4 == len(there)
    with listening(client, **asked) as live:
        take(live, there)
        put(on_record, 20, 21)  # nobody has folded them
        assert there == everything(client, **asked)
        folding = threading.Timer(0.5, on_record.catch_up)
        folding.start()
        last = next(live)
        folding.join()
    assert everything(client, **asked)[-1] == last.data


def test_many_listeners_each_get_all_of_theirs(client: Client, on_record: Record) -> None:
    """More than the door has connections."""
    with ExitStack() as stack:
        all_ = [(stack.enter_context(listening(client, **asked)), asked) for asked in ASKED * 3]
        put(on_record, *range(20, 40))
        for found, asked in all_:
            take(found, everything(client, **asked))


def test_a_last_event_id_stands_above_after(client: Client) -> None:
    with listening(client, 20, after=5) as found:
        take(found, everything(client, after=20))


def test_silence_is_filled(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BEAT", 0.01)
    with client.stream("GET", "/v1/events?after=23", headers={"Accept": SSE}) as answer:
        lines = sse.lines(answer.iter_bytes())
        said = [next(lines) for _ in range(6)]
    assert [one.startswith(":") for one in said] == [True, False] * 3
    assert {"", said[0]} == set(said)


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", str(2**53), "0x1"])
def test_a_last_event_id_that_is_no_seq_is_refused(client: Client, value: str) -> None:
    answer = client.get("/v1/events", headers={"Accept": SSE, "Last-Event-ID": value})
    assert ["Last-Event-ID"] == error_places(expect_problem(answer, 422, "invalid"))


def test_a_place_beyond_the_record_is_told(client: Client) -> None:
    answer = client.get("/v1/events", headers={"Accept": SSE, "Last-Event-ID": "24"})
    assert ["Last-Event-ID"] == error_places(expect_problem(answer, 422, "invalid"))
    assert "24 events" in answer.json()["errors"][0]["message"]
    answer = client.get("/v1/events?after=24", headers={"Accept": SSE})
    assert ["after"] == error_places(expect_problem(answer, 422, "invalid"))


def test_a_place_that_a_replica_does_not_have_yet_is_waited_for(
    client: Client, on_record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "LAG", 30.0)

    def listen() -> sse.Event:
        with listening(client, 24) as found:
            return next(found)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(listen)
        put(on_record, 20, 21)
        assert "25" == first.result().id


# Ends


def test_a_server_that_stops_ends_its_streams_and_waits_for_none(on_record: Record) -> None:
    """It has no deadline here: were it to wait for a stream, it would wait for ever."""
    settings = Settings(database_url=on_record.url, broker_url="memory://", port=1)
    server = app_factory.Server(app_factory.make(settings, frozenset({"audit"})), port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, "the server has started")
    port = server.servers[0].sockets[0].getsockname()[1]
    with (
        Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
        listening(client, 22) as found,
        listening(client, 22, actor="bob") as other,
    ):
        assert ("23", "23") == (next(found).id, next(other).id)
        server.should_exit = True
        assert ([], []) == (list(found), list(other))
    thread.join(30)
    assert not thread.is_alive()


def test_streams_end_when_the_database_goes_and_go_on_when_it_is_back(
    client: Client, on_record: Record, server_url: str
) -> None:
    name = urlsplit(on_record.url).path.removeprefix("/")
    with psycopg.connect(server_url, autocommit=True) as conn:
        with listening(client, 22) as found, listening(client, 22, actor="bob") as other:
            assert ("23", "23") == (next(found).id, next(other).id)
            conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            assert ([], []) == (list(found), list(other))
        conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    until(lambda: client.get("/v1/events").status_code == 200, "the door answers again")
    put(on_record, 20)
    with listening(client, 23) as found:
        assert "24" == next(found).id


def test_the_watch_lasts_from_the_first_listener_to_the_last(on_record: Record) -> None:
    async def listen() -> None:
        async with db.pool(on_record.url, role="onrecord_audit", size=1) as pool:
            end = tail.Tail(pool)
            async with end.listening() as first:
                async with end.listening() as second:
                    assert first is second
                await first.grown(23, until=asyncio.get_running_loop().time() + 30)
                assert (24, False) == (first.size, first.over)
            assert first.over
            async with end.listening() as third:
                assert not third.over
                end.close()
                assert third.over
            async with end.listening() as late:
                assert late.over

    asyncio.run(listen())
