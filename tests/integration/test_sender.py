"""Is what a receiver answers told as it was, and is a connection used again?"""

import asyncio
import gzip
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from onrecord.webhooks.http import connector
from onrecord.webhooks.http.sender import Outcome, Sender
from tests.support.raw_receivers import (
    BODY,
    EMPTY,
    LOOPBACK,
    OK,
    answering,
    asked,
    leading,
    post,
    receiver,
    silent,
)


def told(outcome: Outcome) -> tuple[bool, int | None, str | None]:
    return outcome.ok, outcome.status, outcome.error


def answered(status: int) -> bytes:
    return b"HTTP/1.1 %d Said\r\n" % status


def test_a_delivery_goes_out_as_it_was_given_and_nothing_of_ours_with_it() -> None:
    got: list[bytes] = []

    async def handle(reader: Reader, writer: Writer) -> None:
        got.append(await asked(reader))
        writer.write(OK + b"Content-Length: 5\r\n\r\nThank")

    async def run() -> Outcome:
        async with receiver(handle) as port, Sender(LOOPBACK) as sender:
            return await sender.post(
                f"http://127.0.0.1:{port}/h%6f?q=%20+%2F",
                headers={"webhook-id": "1", "Content-Type": "application/cloudevents+json"},
                body=BODY,
            )

    outcome = asyncio.run(run())
    assert (True, 200, None) == told(outcome)
    assert (b"Thank", None, False) == (outcome.answer, outcome.retry_after, outcome.gone)
    assert outcome.seconds > 0
    head, _, body = got[0].partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    assert "POST /h%6f?q=%20+%2F HTTP/1.1" == line
    names = {one.partition(":")[0].lower(): one.partition(": ")[2] for one in fields}
    assert names.pop("host").startswith("127.0.0.1:")
    assert {
        "user-agent": "onrecord",
        "accept": "*/*",
        "accept-encoding": "identity",
        "webhook-id": "1",
        "content-type": "application/cloudevents+json",
        "content-length": str(len(BODY)),
    } == names
    assert BODY == body


@pytest.mark.parametrize("status", [200, 201, 202, 204, 205, 299])
def test_every_2xx_is_a_success(status: int) -> None:
    assert [(True, status, None)] == [
        told(one) for one in post(answering(answered(status) + EMPTY))
    ]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 413, 429, 500, 502, 503, 599])
def test_any_other_status_is_a_failure_that_says_so(status: int) -> None:
    [outcome] = post(answering(answered(status) + b"Content-Length: 4\r\n\r\nbusy"))
    assert (False, status, f"The receiver answered {status}.") == told(outcome)
    assert (b"busy", status == 410) == (outcome.answer, outcome.gone)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(status: int) -> None:
    async def run() -> tuple[Outcome, list[str]]:
        lookup, names = leading(["127.0.0.1"])
        other: list[bytes] = []

        async def elsewhere(reader: Reader, writer: Writer) -> None:
            other.append(await asked(reader))

        async with receiver(elsewhere) as away, Sender(LOOPBACK, lookup=lookup) as sender:
            to = b"Location: http://other.test:%d/\r\n" % away
            async with receiver(answering(answered(status) + to + EMPTY)) as port:
                outcome = await sender.post(f"http://receiver.test:{port}/", headers={}, body=BODY)
        assert [] == other
        return outcome, names

    outcome, names = asyncio.run(run())
    words = f"The receiver answered {status}; redirects are not followed."
    assert (False, status, words) == told(outcome)
    assert ["receiver.test"] == names


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("9999999999", 9_999_999_999.0),
        ("99999999999", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 99 Xyz 99999999999999999999 00:00:00 GMT", None),
        ("Thu, 01 Jan 2026 00:00:00 +99999999999", None),
    ],
)
def test_retry_after_is_told_in_seconds(value: str, expected: float | None) -> None:
    answer = answered(503) + b"Retry-After: %b\r\n" % value.encode() + EMPTY
    assert [expected] == [one.retry_after for one in post(answering(answer))]


def test_retry_after_as_a_date_is_told_in_seconds_from_now() -> None:
    at = datetime.now(UTC) + timedelta(hours=2)
    answer = answered(429) + b"Retry-After: %b\r\n" % format_datetime(at, usegmt=True).encode()
    [outcome] = post(answering(answer + EMPTY))
    assert outcome.retry_after is not None
    assert 7_100 < outcome.retry_after <= 7_200


def test_of_an_answer_its_first_1024_bytes_are_kept() -> None:
    body = bytes(range(256)) * 8
    [outcome] = post(answering(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body))
    assert (True, body[:1024]) == (outcome.ok, outcome.answer)


def test_a_compressed_answer_is_not_inflated() -> None:
    """Ten MiB of zeros, which are ten KiB as they come."""
    bomb = gzip.compress(bytes(10 * 2**20))
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    [outcome] = post(answering(head + bomb))
    assert (True, bomb[:1024]) == (outcome.ok, outcome.answer)


# Connections


async def _posts(sender: Sender, port: int, times: int) -> list[Outcome]:
    url = f"http://127.0.0.1:{port}/"
    return [await sender.post(url, headers={}, body=BODY) for _ in range(times)]


def connections(*answers: bytes, times: int) -> tuple[list[bool], int]:
    """Whether posts succeed, one after another, and on how many connections they went."""
    made = 0

    async def handle(reader: Reader, writer: Writer) -> None:
        nonlocal made
        made += 1
        await answering(*answers)(reader, writer)

    async def run() -> list[Outcome]:
        async with receiver(handle) as port, Sender(LOOPBACK) as sender:
            return await _posts(sender, port, times)

    return [one.ok for one in asyncio.run(run())], made


def test_deliveries_to_one_receiver_share_a_connection() -> None:
    good = OK + b"Content-Length: 2\r\n\r\nok"
    bad = answered(500) + EMPTY
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    found, made = connections(good, bad, chunked, good, times=4)
    assert ([True, False, True, True], 1) == (found, made)


def test_a_connection_is_not_used_again_after_an_answer_that_was_left() -> None:
    long = OK + b"Content-Length: 200000\r\n\r\n" + bytes(200_000)
    assert ([True] * 3, 3) == connections(long, long, long, times=3)


def test_an_answer_to_nothing_is_not_taken_for_that_to_the_next_delivery() -> None:
    good = OK + EMPTY
    assert ([True] * 3, 3) == connections(good + good, good + good, times=3)


def test_no_cookie_is_kept() -> None:
    got: list[bytes] = []

    async def handle(reader: Reader, writer: Writer) -> None:
        for _ in range(2):
            got.append(await asked(reader))
            writer.write(OK + b"Set-Cookie: a=b\r\n" + EMPTY)

    lookup, _ = leading(["127.0.0.1"])
    assert [True, True] == [
        one.ok for one in post(handle, times=2, host="receiver.test", lookup=lookup)
    ]
    assert [b"cookie" in one.lower() for one in got] == [False, False]


def test_where_many_connections_are_open_none_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "MANY", 2)
    said: list[str] = []

    async def handle(reader: Reader, writer: Writer) -> None:
        while True:
            said.append("close" if b"Connection: close" in await asked(reader) else "keep")
            writer.write(OK + EMPTY)

    async def run() -> None:
        async with (
            receiver(handle) as one,
            receiver(handle) as two,
            receiver(handle) as three,
            Sender(LOOPBACK) as sender,
        ):
            for port in (one, two, three, three):
                assert [True] == [it.ok for it in await _posts(sender, port, 1)]

    asyncio.run(run())
    assert ["keep", "keep", "close", "close"] == said


def test_receivers_that_hang_hold_back_no_other() -> None:
    """300 of them, three times what aiohttp lets be open by itself."""

    async def run() -> tuple[set[bool], int, list[bool]]:
        async with (
            receiver(silent) as hung,
            receiver(answering(*[OK + EMPTY] * 50)) as healthy,
            Sender(LOOPBACK, timeout=30) as sender,
        ):
            url = f"http://127.0.0.1:{hung}/"
            stuck = [
                asyncio.create_task(sender.post(url, headers={}, body=BODY)) for _ in range(300)
            ]
            found = {one.ok for one in await _posts(sender, healthy, 50)}
            waiting = sum(not one.done() for one in stuck)
            for one in stuck:
                one.cancel()
            ended = await asyncio.gather(*stuck, return_exceptions=True)
            return found, waiting, [isinstance(one, asyncio.CancelledError) for one in ended]

    found, waiting, cancelled = asyncio.run(run())
    assert ({True}, 300, [True] * 300) == (found, waiting, cancelled)


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would do the dialling, unchecked."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert [True] == [one.ok for one in post(answering(OK + EMPTY))]
