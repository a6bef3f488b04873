"""Tests of the server's bounds: no client holds a place, memory or an answer for long.

Clients are raw sockets. The API has short deadlines; a test waits for the end of a connection.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from typing import Final

import httpx2
import pytest
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from httpx2 import Client

from onrecord.kit.http.server.limits import Limits
from tests.support import postgres, raw_http
from tests.support.bodies import ledger_size
from tests.support.processes import until
from tests.support.raw_http import AUTHORIZED, connected, exchange, problem_in, statuses
from tests.support.store import Store, open_store, run_api

CLOSE: Final = b"Connection: close\r\n"
HEALTH: Final = b"GET /healthz HTTP/1.1\r\n" + AUTHORIZED
JSON: Final = b"POST /v1/actors HTTP/1.1\r\n" + AUTHORIZED + b"Content-Type: application/json\r\n"
BATCH: Final = (
    b"POST /v1/batch HTTP/1.1\r\n" + AUTHORIZED + b"Content-Type: application/x-ndjson\r\n"
)
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n\r\n"
H2C: Final = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
STREAM: Final = b"GET /v1/events HTTP/1.1\r\n" + AUTHORIZED + b"Accept: text/event-stream\r\n\r\n"

QUICK: Final = Limits(
    connections=40, head_seconds=1, idle_seconds=1, stall_seconds=1, drain_seconds=1
)

router = APIRouter()
ended = threading.Event()


@router.get("/wait")
async def wait(request: Request) -> None:
    """Wait until the client goes away, as a stream without events does."""
    while not await request.is_disconnected():
        await asyncio.sleep(0.01)
    ended.set()


@router.get("/endless")
async def endless() -> StreamingResponse:
    async def blocks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"a" * 65_536
                await asyncio.sleep(0)  # as streams do, which wait for the database
        finally:
            ended.set()

    return StreamingResponse(blocks())


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def quick_client(store: Store) -> Iterator[Client]:
    with run_api(store.url, router, limits=QUICK) as client:
        yield client


@pytest.fixture
def client(
    quick_client: Client, store: Store, caplog: pytest.LogCaptureFixture
) -> Iterator[Client]:
    """A client of all APIs. Checks that the test has recorded nothing and is no server's error."""
    before = ledger_size(store.url)
    yield quick_client
    # on a new connection, as the server closes those that are idle
    assert (
        httpx2.get(f"{quick_client.base_url}/healthz", timeout=60, verify=False).status_code == 200
    )
    assert before == ledger_size(store.url)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


# Deadlines


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"GET /v1/act", (408, "too-slow-request")),
        (HEALTH, (408, "too-slow-request")),
        (JSON + b"Content-Length: 9\r\n\r\n{", (408, "too-slow-request")),
        (JSON + CHUNKED + b"1\r\n{\r\n", (408, "too-slow-request")),
    ],
    ids=["line", "head", "body", "chunks"],
)
def test_a_request_that_stops_is_answered_and_its_connection_closed(
    client: Client, sent: bytes, expected: tuple[int, str]
) -> None:
    assert problem_in(exchange(client, sent)) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"", []),
        (BATCH + b"Content-Length: 9\r\n\r\n{}\n", [200]),
        (BATCH + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", [200]),
        (JSON + b"Content-Length: 2000000\r\n\r\n{", [413]),
        (HEALTH + b"\r\n", [200]),
        (HEALTH + b"\r\n" + b"\r\n", [200]),
    ],
    ids=["nothing", "batch", "expect", "refused body", "keep-alive", "keep-alive and a line"],
)
def test_a_silent_connection_is_closed(client: Client, sent: bytes, expected: list[int]) -> None:
    assert statuses(exchange(client, sent)) == expected


@pytest.mark.parametrize("start", [HEALTH + b"X: ", JSON + b"Content-Length: 999\r\n\r\n"])
def test_a_byte_now_and_then_does_not_keep_a_connection(client: Client, start: bytes) -> None:
    with connected(client) as connection:
        connection.sendall(start)
        connection.settimeout(0.05)
        deadline, received = time.monotonic() + 30, b""
        while time.monotonic() < deadline:
            with suppress(TimeoutError):
                received = connection.recv(65_536)
                break
            connection.sendall(b" ")
        assert statuses(received) == [408]


def test_a_client_that_does_not_read_is_cut_off(client: Client) -> None:
    ended.clear()
    with connected(client) as connection:
        connection.sendall(b"GET /endless HTTP/1.1\r\n" + AUTHORIZED + b"\r\n")
        assert ended.wait(120)


# Places


def test_new_clients_are_answered_while_others_hold_every_place(client: Client) -> None:
    """The longest idle connection gives its place; those with a request keep theirs."""
    with ExitStack() as stack:
        streams = [stack.enter_context(connected(client)) for _ in range(5)]
        for stream in streams:
            stream.sendall(STREAM)
            assert statuses(stream.recv(65_536)) == [200]
        silent = [stack.enter_context(connected(client)) for _ in range(3 * QUICK.connections)]
        assert [statuses(exchange(client, HEALTH + CLOSE + b"\r\n")) for _ in range(5)] == [
            [200]
        ] * 5
        assert silent[0].recv(1) == b""
        for stream in streams:
            stream.setblocking(False)
            with pytest.raises(BlockingIOError):  # open, and nothing more has come
                stream.recv(65_536)


def test_a_client_is_refused_where_every_place_has_a_request(client: Client) -> None:
    with ExitStack() as stack:
        for _ in range(QUICK.connections):
            stream = stack.enter_context(connected(client))
            stream.sendall(STREAM)
            assert statuses(stream.recv(65_536)) == [200]
        with connected(client) as refused:
            received = raw_http.read_to_end(refused)
            assert problem_in(received) == (503, "too-many-connections")
            assert b"retry-after: " in received
    until(lambda: statuses(exchange(client, HEALTH + CLOSE + b"\r\n")) == [200], "places are free")


def test_a_request_with_another_behind_it_ends_with_its_client(client: Client) -> None:
    """uvicorn tells only the newest request of a connection that its client has gone."""
    ended.clear()
    with connected(client) as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\n" + AUTHORIZED + b"\r\n" + HEALTH + b"\r\n")
    assert ended.wait(120)


# Sizes


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\n"], (414, "address-too-long")),
        ([HEALTH, b"X: ", b"a" * 70_000, b"\r\n\r\n"], (431, "head-too-large")),
        ([HEALTH, b"X: ", *[b"a" * 70_000] * 100], (431, "head-too-large")),
        ([HEALTH, b"X: 1\r\n" * 101, b"\r\n"], (431, "head-too-large")),
        ([b"\r\n" * 1_000] * 100, (431, "head-too-large")),
        (
            [JSON, CHUNKED, b"1\r\n{\r\n0\r\n", *[b"X: 1\r\n" * 1_000] * 100],
            (431, "head-too-large"),
        ),
        ([JSON, CHUNKED, b"1\r\n{\r\n0\r\nX: ", *[b"a" * 9_000] * 99], (431, "head-too-large")),
    ],
    ids=["address", "header", "endless header", "headers", "lines", "trailers", "endless trailer"],
)
def test_a_head_is_bounded(client: Client, parts: list[bytes], expected: tuple[int, str]) -> None:
    assert problem_in(exchange(client, *parts)) == expected


def test_trailers_are_no_headers(client: Client) -> None:
    trailer = b"0\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    body = b"2\r\n{}\r\n" + trailer
    request = b"POST /v1/actors HTTP/1.1\r\n" + AUTHORIZED + CLOSE + CHUNKED + body
    assert statuses(exchange(client, request)) == [415]


def test_requests_that_wait_on_a_connection_are_bounded(client: Client) -> None:
    answered = statuses(exchange(client, (HEALTH + b"\r\n") * 1_000))
    assert answered == [200] * (QUICK.pipelined + 1)


# Shapes


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03",
        b"GET /healthz HTTP/1.1\n" + AUTHORIZED + b"\n",
        b"GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n",
        HEALTH + b"X: a\r\n b\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n" + AUTHORIZED + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\n" + AUTHORIZED + b"\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\n" + AUTHORIZED + b"\r\n",
        BATCH + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        BATCH + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        BATCH + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n{}  \n",
        BATCH + b"Content-Length: +4\r\n\r\n{}  \n",
        BATCH + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        JSON + CHUNKED + b"zz\r\n\r\n",
        JSON + CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_refused(client: Client, request_: bytes) -> None:
    assert problem_in(exchange(client, request_)) == (400, "bad-request")


def test_what_cannot_be_read_does_not_disturb_the_answers_before_it(client: Client) -> None:
    for rest in (b"\x00", BATCH + CHUNKED + b"zz\r\n\r\n", b"GET /" + b"a" * 17_000):
        received = exchange(client, b"GET /v1/actors HTTP/1.1\r\n" + AUTHORIZED + b"\r\n" + rest)
        assert statuses(received) == [200]
        assert b'"known"' in received


def test_an_offered_upgrade_is_ignored_and_the_body_read(client: Client) -> None:
    """Java's client offers `h2c` with its first request, whatever it is."""
    last = HEALTH + CLOSE + b"\r\n"
    body = JSON + H2C + b"Content-Length: 3\r\n\r\n"
    assert statuses(exchange(client, body + b"{", b"}\n" + last)) == [422, 200]
    chunked = JSON + H2C + CHUNKED + b"3\r\n{}\n\r\n0\r\n\r\n"
    assert statuses(
        exchange(client, chunked + HEALTH + H2C + b"\r\n" + HEALTH + CLOSE + b"\r\n")
    ) == [
        422,
        200,
        200,
    ]
    websocket = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    assert statuses(exchange(client, HEALTH + websocket)) == [200]


def test_a_client_that_expects_to_be_told_to_go_on_is(client: Client) -> None:
    with connected(client) as connection:
        connection.sendall(JSON + CLOSE + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert statuses(raw_http.read_to_end(connection)) == [422]
