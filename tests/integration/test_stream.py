"""Does a stream give every event once and in order, resumed or live, and hold nothing meanwhile?"""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from httpx2 import Client

from onrecord.audit import routes, streams, tail
from onrecord.domain.events import ActorRegistered, Event, StatementMade, TopicRegistered
from onrecord.entrypoints import doors
from onrecord.kit import db
from onrecord.kit.settings import Settings
from onrecord.ledger.append import Answer
from tests.support import sse
from tests.support.bodies import faults, get, media_type, refused
from tests.support.histories import position, registration, request, said
from tests.support.processes import until
from tests.support.record import Record

NDJSON = {"Accept": "application/x-ndjson"}
SSE = "text/event-stream"
ASKED: list[dict[str, Any]] = [
    {},
    {"actor": "ann"},
    {"topic": "trade"},
    {"type": "statement.made"},
    {"actor": "bob", "type": "position.changed"},
    {"actor": "ann", "topic": "talks", "type": "statement.made"},
]


@pytest.fixture(autouse=True)
def stage(on_record: Record) -> None:
    """Two actors, two topics and some of everything: entries 0 to 23."""
    for slug in ("ann", "bob"):
        names = [{"name": slug.title(), "lang": "en"}]
        event = ActorRegistered.model_validate({"id": slug, "kind": "person", "names": names})
        on_record.append(registration(event))
    for slug in ("talks", "trade"):
        on_record.append(registration(TopicRegistered(id=slug, label=slug, proposition="Do.")))
    put(on_record, *range(20))


def put(on_record: Record, *numbers: int) -> None:
    """A statement or a position for each number, always the same for a number."""
    for one in on_record.append(*(request(uuid4(), event(one)) for one in numbers)):
        assert isinstance(one, Answer), one


def event(number: int) -> Event:
    actor, topic = ("ann", "bob")[number % 2], ("talks", "trade")[number // 2 % 2]
    if number % 5 == 0:
        return position(actor=actor, topic=topic)
    words = f"Words \u2028 \r\n {number}\n\ndata: no\x85"
    return StatementMade.model_validate(said(actor, topic, words))


def everything(client: Client, **asked: Any) -> list[str]:
    """The lines of the stream that ends, in order."""
    answer = client.get("/v1/events", params=asked, headers=NDJSON)
    assert (200, "application/x-ndjson") == (answer.status_code, media_type(answer))
    return answer.text.split("\n")[:-1]


@contextmanager
def listening(
    client: Client, last: int | None = None, **asked: Any
) -> Iterator[Iterator[sse.Event]]:
    """A live stream, from after `last` on."""
    headers = {"Accept": SSE} | ({} if last is None else {"Last-Event-ID": str(last)})
    with client.stream("GET", "/v1/events", params=asked, headers=headers) as answer:
        assert (200, SSE) == (answer.status_code, media_type(answer))
        yield sse.events(answer.iter_bytes())


def take(found: Iterator[sse.Event], lines: list[str]) -> None:
    """The next events are these lines, each with its place and its type."""
    for line in lines:
        entry = json.loads(line)["entry"]
        assert sse.Event(str(entry["seq"]), entry["type"], line) == next(found)


# NDJSON


def test_lines_come_from_any_place_on_as_pages_give_them(client: Client) -> None:
    for asked in ASKED:
        for after in (-1, 0, 11, 22, 23, 24):
            items = get(client, "/v1/events", after=after, limit=1_000, **asked)["items"]
            lines = everything(client, after=after, **asked)
            assert items == [json.loads(one) for one in lines]
    assert 24 == len(everything(client))


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_stream_that_was_cut_goes_on_without_a_gap_or_a_repetition(
    client: Client, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PAGE", 3)
    expected = everything(client, **asked)
    assert len(expected) >= 2
    for cut in range(1, len(expected) + 1):
        last = json.loads(expected[cut - 1])["entry"]["seq"]
        assert expected[cut:] == everything(client, **asked, after=last)


def test_a_stream_holds_no_snapshot_while_its_client_pauses(
    client: Client, on_record: Record
) -> None:
    """Far more than the sockets between them take, so that the server waits in the middle."""
    long = [StatementMade.model_validate(said("ann", "talks", f"{n:0100000}")) for n in range(200)]
    on_record.append(*(request(uuid4(), one) for one in long))
    with client.stream("GET", "/v1/events", headers=NDJSON) as answer:
        chunks = answer.iter_raw()
        lines = next(chunks).count(b"\n")
        with psycopg.connect(on_record.url, autocommit=True) as conn:
            until(lambda: idle(conn), "no backend of the door holds a snapshot")
        assert lines < 100
        assert 24 + 200 == lines + sum(one.count(b"\n") for one in chunks)


def idle(conn: psycopg.Connection[Any]) -> bool:
    found = conn.execute(
        "SELECT state, xact_start, backend_xmin FROM pg_stat_activity"
        " WHERE application_name = 'onrecord_audit' AND datname = current_database()"
    ).fetchall()
    return bool(found) and all(one == ("idle", None, None) for one in found)


# Live


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
    assert ["Last-Event-ID"] == faults(refused(answer, 422, "invalid"))


def test_a_place_beyond_the_record_is_told(client: Client) -> None:
    answer = client.get("/v1/events", headers={"Accept": SSE, "Last-Event-ID": "24"})
    assert ["Last-Event-ID"] == faults(refused(answer, 422, "invalid"))
    assert "24 events" in answer.json()["errors"][0]["message"]
    answer = client.get("/v1/events?after=24", headers={"Accept": SSE})
    assert ["after"] == faults(refused(answer, 422, "invalid"))


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
    server = doors.Server(doors.make(settings, frozenset({"audit"})), port=0)
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
