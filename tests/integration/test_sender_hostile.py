"""Tests that a broken, slow or malicious receiver costs no more than its own delivery.

Endless answers are measured at their source: the buffers of two sockets hold some MiB.
"""

import asyncio
import socket
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onrecord.webhooks.http.sender import AttemptOutcome, Sender
from tests.support.raw_receivers import (
    BODY,
    EMPTY,
    LOOPBACK,
    OK,
    answering,
    endless,
    fake_lookup,
    post,
    read_request,
    run_raw_receiver,
    silent,
)

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
NOT_HTTP = "What the receiver answered is not HTTP, or its head is too long."
TOO_MUCH = "The receiver sent more than an answer may be long."
NOT_WHOLE = "The receiver answered 200, but its answer did not come whole."
NOT_ENDED = "The receiver answered 200, but its answer did not end within 0.2 s."
SWITCHED = "The receiver answered 101."
NO_ANSWER = "The receiver ended the connection without an answer."
SOCKETS = 16 * 2**20


@pytest.mark.parametrize(
    ("first", "rest", "status", "error"),
    [
        pytest.param(b"HTTP/1.1 200 ", b"a" * 65536, None, NOT_HTTP, id="status line"),
        pytest.param(OK + b"X: ", b"a" * 65536, None, NOT_HTTP, id="header"),
        pytest.param(OK + b"a", b"a" * 65536, None, NOT_HTTP, id="name of a header"),
        pytest.param(OK, b"X-A: b\r\n" * 8000, None, NOT_HTTP, id="headers"),
        pytest.param(OK + b"X: y\r\n", b" z\r\n" * 8000, None, NOT_HTTP, id="folded header"),
        pytest.param(b"", b"\0" * 65536, None, NOT_HTTP, id="zeros"),
        pytest.param(b"", b"\r\n" * 32768, None, TOO_MUCH, id="empty lines"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2600, None, TOO_MUCH, id="interim"),
        pytest.param(
            b"", b"HTTP/1.1 103 Early\r\nLink: </>\r\n\r\n" * 2000, None, TOO_MUCH, id="hints"
        ),
        pytest.param(CHUNKED + b"5;", b"a=b;" * 16384, 200, NOT_WHOLE, id="extension of a chunk"),
        pytest.param(CHUNKED, b"0" * 65536, 200, NOT_WHOLE, id="size of a chunk"),
        pytest.param(CHUNKED, b"1\r\na\r\n" * 10000, 200, NOT_WHOLE, id="chunks of one byte"),
        pytest.param(CHUNKED, b"4\r\nabcd\r\n" * 8000, 200, None, id="chunks of four"),
        pytest.param(CHUNKED, b"400\r\n" + b"a" * 1024 + b"\r\n", 200, None, id="chunks"),
        pytest.param(OK + b"\r\n", b"a" * 65536, 200, None, id="body without a length"),
        pytest.param(OK + b"Content-Length: 9999999\r\n\r\n", b"a" * 9999, 200, None, id="body"),
        pytest.param(OK + EMPTY, (OK + EMPTY) * 1500, 200, None, id="answers to nothing"),
    ],
)  # fmt: skip
def test_an_endless_answer_is_cut_off(
    first: bytes, rest: bytes, status: int | None, error: str | None
) -> None:
    """Before the timeout, which would give another error."""
    sent: list[int] = []
    [outcome] = post(endless(first, rest, sent), timeout=120)
    assert (status, error) == (outcome.status, outcome.error)
    assert sum(sent) < SOCKETS


def test_endless_trailers_are_cut_off() -> None:
    """If the chunk arrives with them, aiohttp refuses the answer as a whole."""
    sent: list[int] = []
    rest = b"X-A: b\r\n" * 8000
    [outcome] = post(endless(CHUNKED + b"1\r\na\r\n0\r\n", rest, sent), timeout=120)
    assert (False, True) == (outcome.ok, outcome.error in {NOT_HTTP, NOT_WHOLE})
    assert sum(sent) < SOCKETS


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (b"", None, NO_ANSWER),
        (b"HTTP/1.1 200", None, NO_ANSWER),
        (OK, None, NO_ANSWER),
        (b"hello\r\n\r\n", None, NOT_HTTP),
        (b"SSH-2.0-OpenSSH_9.9\r\n", None, NOT_HTTP),
        (b"HTTP/1.1 OK\r\n\r\n", None, NOT_HTTP),
        (b"HTTP/1.1 -200 OK\r\n\r\n", None, NOT_HTTP),
        (b"HTTP/9.9 200 OK\r\n\r\n", None, NOT_HTTP),
        (OK + b"no colon\r\n\r\n", None, NOT_HTTP),
        (OK + b"Content-Length: two\r\n\r\nok", None, NOT_HTTP),
        (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", None, NOT_HTTP),
        (OK + b"Content-Length: 9\r\n\r\nok", 200, NOT_WHOLE),
        (CHUNKED + b"5\r\nab", 200, NOT_WHOLE),
        (CHUNKED + b"zz\r\nab", None, NOT_HTTP),
        (CHUNKED + b"-1\r\nab", None, NOT_HTTP),
        (b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 101, SWITCHED),
    ],
)
def test_an_invalid_http_answer_is_a_failure_with_a_reason(
    answer: bytes, status: int | None, error: str
) -> None:
    [outcome] = post(answering(answer), timeout=120)
    assert (False, status, error) == (outcome.ok, outcome.status, outcome.error)


@settings(max_examples=25, deadline=None)
@given(
    st.binary(max_size=80)
    | st.tuples(st.sampled_from([OK, CHUNKED, b"HTTP/1.1 "]), st.binary(max_size=40)).map(b"".join)
)
def test_no_bytes_make_a_post_raise(answer: bytes) -> None:
    [outcome] = post(answering(answer), timeout=120)
    assert (outcome.error is None) == outcome.ok
    assert "not known" not in (outcome.error or "")


# Slow


@pytest.mark.parametrize(
    ("first", "drop", "status", "error"),
    [
        (b"", b"", None, "The receiver did not answer within 0.2 s."),
        (b"HTTP/1.1 200 ", b"a", None, "The receiver did not answer within 0.2 s."),
        (OK, b"X: y\r\n", None, "The receiver did not answer within 0.2 s."),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", None, "The receiver did not answer within 0.2 s."),
        (OK + b"\r\n", b"a", 200, NOT_ENDED),
        (CHUNKED, b"1\r\na\r\n", 200, NOT_ENDED),
    ],
)
def test_one_timeout_covers_the_whole_attempt(
    first: bytes, drop: bytes, status: int | None, error: str
) -> None:
    """A few bytes from time to time do not restart it."""

    async def drip(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(first)
        while not reader.at_eof():
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.01)

    [outcome] = post(drip, timeout=0.2)
    assert (False, status, error) == (outcome.ok, outcome.status, outcome.error)
    assert 0.2 <= outcome.seconds


def test_a_receiver_that_never_reads_times_out() -> None:
    """The body is larger than the buffers of both sockets."""

    async def deaf(reader: Reader, writer: Writer) -> None:
        await asyncio.get_running_loop().create_future()

    async def run() -> AttemptOutcome:
        async with run_raw_receiver(deaf) as port, Sender(LOOPBACK, timeout=0.2) as sender:
            return await sender.post(
                f"http://127.0.0.1:{port}/", headers={}, body=bytes(32 * 2**20)
            )

    outcome = asyncio.run(run())
    assert "The receiver did not answer within 0.2 s." == outcome.error


def test_a_connection_attempt_that_hangs_times_out() -> None:
    """A listener whose queue is full ignores further connections."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))

        async def run() -> AttemptOutcome:
            async with Sender(LOOPBACK, timeout=0.2) as sender:
                return await sender.post(f"http://127.0.0.1:{port}/", headers={}, body=BODY)

        assert "The receiver did not answer within 0.2 s." == asyncio.run(run()).error
        for client in waiting:
            client.close()


# Cut off


def test_a_refused_connection_is_logged_as_such() -> None:
    async def run() -> AttemptOutcome:
        async with run_raw_receiver(silent) as port:
            pass
        async with Sender(LOOPBACK) as sender:
            return await sender.post(f"http://127.0.0.1:{port}/", headers={}, body=BODY)

    assert "The receiver cannot be reached: connection refused." == asyncio.run(run()).error


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (b"", None, "The connection broke: connection reset by peer."),
        (b"HTTP/1.1 200", None, "The connection broke: connection reset by peer."),
        (OK + b"Content-Length: 9\r\n\r\nab", 200, NOT_WHOLE),
        (CHUNKED + b"5\r\nab", 200, NOT_WHOLE),
    ],
)
def test_a_reset_connection_is_logged_as_such(
    answer: bytes, status: int | None, error: str
) -> None:
    async def reset(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    [outcome] = post(reset, timeout=120)
    assert (False, status) == (outcome.ok, outcome.status)
    assert error == outcome.error


# Names


def test_look_ups_that_hang_do_not_delay_others() -> None:
    """More of them than the event loop's own thread pool has threads."""

    async def run() -> tuple[bool, int]:
        hang = asyncio.Event()
        loop = asyncio.get_running_loop()
        good, _ = fake_lookup(["127.0.0.1"])

        def lookup(host: str, port: int) -> object:
            if host.startswith("hang"):
                asyncio.run_coroutine_threadsafe(hang.wait(), loop).result()
            return good(host, port)

        async with (
            run_raw_receiver(answering(OK + EMPTY)) as port,
            Sender(LOOPBACK, timeout=120, lookup=lookup) as sender,  # type: ignore[arg-type]
        ):
            stuck = [
                asyncio.create_task(
                    sender.post(f"http://hang{n}.test:{port}/", headers={}, body=BODY)
                )
                for n in range(64)
            ]
            outcome = await sender.post(f"http://receiver.test:{port}/", headers={}, body=BODY)
            waiting = sum(not task.done() for task in stuck)
            hang.set()
            await asyncio.gather(*stuck)
            return outcome.ok, waiting

    assert (True, 64) == asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no"), "The receiver's name leads to no address."),
        (socket.gaierror(socket.EAI_AGAIN, "no"), "The receiver's name cannot be looked up now."),
        (None, "The receiver's name leads to no address."),
    ],
)
def test_a_name_without_addresses_is_logged_as_such(error: Exception | None, expected: str) -> None:
    def lookup(host: str, port: int) -> list[object]:
        if error:
            raise error
        return []

    [outcome] = post(silent, host="nowhere.test", lookup=lookup)
    assert expected == outcome.error
