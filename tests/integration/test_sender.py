"""Tests of the sender: requests, outcomes of answers, and reuse of connections."""

import asyncio
import gzip
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from onrecord.webhooks.http import connector
from onrecord.webhooks.http.sender import AttemptOutcome, Sender
from tests.support.raw_receivers import (
    BODY,
    EMPTY,
    LOOPBACK,
    OK,
    answering,
    fake_lookup,
    post,
    read_request,
    run_raw_receiver,
    silent,
)


def summary(outcome: AttemptOutcome) -> tuple[bool, int | None, str | None]:
    return outcome.ok, outcome.status, outcome.error


def status_line(status: int) -> bytes:
    return b"HTTP/1.1 %d Said\r\n" % status


def test_a_request_is_sent_as_given_with_no_other_headers() -> None:
    requests: list[bytes] = []

    async def handle(reader: Reader, writer: Writer) -> None:
        requests.append(await read_request(reader))
        writer.write(OK + b"Content-Length: 5\r\n\r\nThank")

    async def run() -> AttemptOutcome:
        async with run_raw_receiver(handle) as port, Sender(LOOPBACK) as sender:
            return await sender.post(
                f"http://127.0.0.1:{port}/h%6f?q=%20+%2F",
                headers={"webhook-id": "1", "Content-Type": "application/cloudevents+json"},
                body=BODY,
            )

    outcome = asyncio.run(run())
    assert (True, 200, None) == summary(outcome)
    assert (b"Thank", None, False) == (outcome.answer, outcome.retry_after, outcome.gone)
    assert outcome.seconds > 0
    head, _, body = requests[0].partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    assert "POST /h%6f?q=%20+%2F HTTP/1.1" == line
    names = {field.partition(":")[0].lower(): field.partition(": ")[2] for field in fields}
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
    [outcome] = post(answering(status_line(status) + EMPTY))
    assert (True, status, None) == summary(outcome)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 413, 429, 500, 502, 503, 599])
def test_any_other_status_is_a_failure_with_its_status(status: int) -> None:
    [outcome] = post(answering(status_line(status) + b"Content-Length: 4\r\n\r\nbusy"))
    assert (False, status, f"The receiver answered {status}.") == summary(outcome)
    assert (b"busy", status == 410) == (outcome.answer, outcome.gone)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(status: int) -> None:
    async def run() -> tuple[AttemptOutcome, list[str]]:
        lookup, names = fake_lookup(["127.0.0.1"])
        redirected: list[bytes] = []

        async def elsewhere(reader: Reader, writer: Writer) -> None:
            redirected.append(await read_request(reader))

        async with run_raw_receiver(elsewhere) as away, Sender(LOOPBACK, lookup=lookup) as sender:
            to = b"Location: http://other.test:%d/\r\n" % away
            async with run_raw_receiver(answering(status_line(status) + to + EMPTY)) as port:
                outcome = await sender.post(f"http://receiver.test:{port}/", headers={}, body=BODY)
        assert [] == redirected
        return outcome, names

    outcome, names = asyncio.run(run())
    error = f"The receiver answered {status}; redirects are not followed."
    assert (False, status, error) == summary(outcome)
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
def test_retry_after_is_parsed_as_seconds(value: str, expected: float | None) -> None:
    answer = status_line(503) + b"Retry-After: %b\r\n" % value.encode() + EMPTY
    [outcome] = post(answering(answer))
    assert expected == outcome.retry_after


def test_retry_after_as_a_date_is_seconds_from_now() -> None:
    at = datetime.now(UTC) + timedelta(hours=2)
    answer = status_line(429) + b"Retry-After: %b\r\n" % format_datetime(at, usegmt=True).encode()
    [outcome] = post(answering(answer + EMPTY))
    assert outcome.retry_after is not None
    assert 7_100 < outcome.retry_after <= 7_200


def test_the_first_1024_bytes_of_an_answer_are_logged() -> None:
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


async def _posts(sender: Sender, port: int, times: int) -> list[AttemptOutcome]:
    url = f"http://127.0.0.1:{port}/"
    return [await sender.post(url, headers={}, body=BODY) for _ in range(times)]


def connections(*answers: bytes, times: int) -> tuple[list[bool], int]:
    """Whether posts succeed, one after another, and how many connections they used."""
    count = 0

    async def handle(reader: Reader, writer: Writer) -> None:
        nonlocal count
        count += 1
        await answering(*answers)(reader, writer)

    async def run() -> list[AttemptOutcome]:
        async with run_raw_receiver(handle) as port, Sender(LOOPBACK) as sender:
            return await _posts(sender, port, times)

    return [outcome.ok for outcome in asyncio.run(run())], count


def test_deliveries_to_one_receiver_share_a_connection() -> None:
    good = OK + b"Content-Length: 2\r\n\r\nok"
    bad = status_line(500) + EMPTY
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    assert ([True, False, True, True], 1) == connections(good, bad, chunked, good, times=4)


def test_a_connection_is_closed_after_an_answer_that_was_not_read_to_its_end() -> None:
    long = OK + b"Content-Length: 200000\r\n\r\n" + bytes(200_000)
    assert ([True] * 3, 3) == connections(long, long, long, times=3)


def test_a_surplus_answer_is_not_taken_for_the_answer_to_the_next_request() -> None:
    good = OK + EMPTY
    assert ([True] * 3, 3) == connections(good + good, good + good, times=3)


def test_no_cookie_is_kept() -> None:
    requests: list[bytes] = []

    async def handle(reader: Reader, writer: Writer) -> None:
        for _ in range(2):
            requests.append(await read_request(reader))
            writer.write(OK + b"Set-Cookie: a=b\r\n" + EMPTY)

    lookup, _ = fake_lookup(["127.0.0.1"])
    outcomes = post(handle, times=2, host="receiver.test", lookup=lookup)
    assert [True, True] == [outcome.ok for outcome in outcomes]
    assert [False, False] == [b"cookie" in request.lower() for request in requests]


def test_no_connection_is_kept_alive_while_many_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "MAX_KEPT_ALIVE", 2)
    headers: list[str] = []

    async def handle(reader: Reader, writer: Writer) -> None:
        while True:
            headers.append(
                "close" if b"Connection: close" in await read_request(reader) else "keep"
            )
            writer.write(OK + EMPTY)

    async def run() -> None:
        async with (
            run_raw_receiver(handle) as first,
            run_raw_receiver(handle) as second,
            run_raw_receiver(handle) as third,
            Sender(LOOPBACK) as sender,
        ):
            for port in (first, second, third, third):
                [outcome] = await _posts(sender, port, 1)
                assert outcome.ok

    asyncio.run(run())
    assert ["keep", "keep", "close", "close"] == headers


def test_receivers_that_hang_do_not_delay_others() -> None:
    """300 of them, three times aiohttp's default limit of connections."""

    async def run() -> tuple[set[bool], int, list[bool]]:
        async with (
            run_raw_receiver(silent) as hung,
            run_raw_receiver(answering(*[OK + EMPTY] * 50)) as healthy,
            Sender(LOOPBACK, timeout=120) as sender,
        ):
            url = f"http://127.0.0.1:{hung}/"
            stuck = [
                asyncio.create_task(sender.post(url, headers={}, body=BODY)) for _ in range(300)
            ]
            results = {outcome.ok for outcome in await _posts(sender, healthy, 50)}
            waiting = sum(not task.done() for task in stuck)
            for task in stuck:
                task.cancel()
            ended = await asyncio.gather(*stuck, return_exceptions=True)
            return results, waiting, [isinstance(end, asyncio.CancelledError) for end in ended]

    assert ({True}, 300, [True] * 300) == asyncio.run(run())


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would connect to unchecked addresses."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    [outcome] = post(answering(OK + EMPTY))
    assert outcome.ok
