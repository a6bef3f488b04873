"""Answers of a server that is not trusted, bounded in their length and in their time.

Used by `download`. An answer beyond a bound raises `ApiUnavailable`: no log that can be verified
gives it. The client's timeout bounds the silence between two parts of an answer.
"""

import time
from collections.abc import Iterator
from typing import Final

import httpx2

from onrecord.client import ApiUnavailable

UNCOMPRESSED: Final = {"Accept-Encoding": "identity"}
"""What each request asks for: a small compressed answer may stand for gigabytes."""
ANSWER_SECONDS: Final = 300.0
"""For a whole body, or for a line of a stream, however steadily its bytes come."""


def read_body(response: httpx2.Response, limit: int) -> bytes:
    """The body of a streamed response, of at most `limit` bytes."""
    deadline, body = time.monotonic() + ANSWER_SECONDS, bytearray()
    for chunk in _chunks(response):
        body += chunk
        _require(response, len(body), limit, deadline)
    return bytes(body)


def stream_lines(response: httpx2.Response, limit: int) -> Iterator[bytes]:
    """The lines of a streamed response, each of at most `limit` bytes, without their line feeds.

    What follows the last line feed is no line.
    """
    deadline, rest = time.monotonic() + ANSWER_SECONDS, b""
    for chunk in _chunks(response):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            _require(response, len(line), limit, deadline)
            yield line
            deadline = time.monotonic() + ANSWER_SECONDS  # the reader's time is not the server's
        _require(response, len(rest), limit, deadline)


def _chunks(response: httpx2.Response) -> Iterator[bytes]:
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise ApiUnavailable(
            f"{response.url} answered in the encoding {encoding[:40]!r}, which was not asked for"
        )
    return response.iter_raw()


def _require(response: httpx2.Response, length: int, limit: int, deadline: float) -> None:
    if length > limit:
        raise ApiUnavailable(
            f"{response.url} answered more than {limit} bytes, which is the most that it can have"
        )
    if time.monotonic() > deadline:
        raise ApiUnavailable(
            f"{response.url} did not complete its answer within {ANSWER_SECONDS:.0f} seconds"
        )
