"""Reads of a log over HTTP: checkpoint, policy, tiles and bundles, events as lines, lists.

Used by `run`. What is served is not checked here; what is no answer, or is longer than an answer
of its kind can be, raises `ApiUnavailable`.
"""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final, NamedTuple

import httpx2
import orjson

from onrecord.client import ApiUnavailable, Client
from onrecord.client.call import NDJSON, problem_error
from onrecord.client.retries import Attempts
from onrecord.kit.tlog.merkle import HASH_BYTES
from onrecord.kit.tlog.notes import MAX_BYTES as NOTE_BYTES
from onrecord.kit.tlog.subtrees import WIDTH
from onrecord.kit.tlog.tiles import MAX_ENTRY_BYTES, Tile
from onrecord.verifying.bounded_answers import UNCOMPRESSED, read_body, stream_lines

RETRIES: Final = 5
THREADS: Final = 4
AHEAD: Final = 8
"""Bundles that are downloaded before they are checked."""
PAGE: Final = 500
POLICY_BYTES: Final = 256 << 10
LINE_BYTES: Final = 8 << 20
"""More than the longest statement takes."""
PAGE_BYTES: Final = 64 << 20
PROBLEM_BYTES: Final = 64 << 10


class Bundle(NamedTuple):
    """256 entries, or fewer at the end of the log, as they were served; None: they are not."""

    tile: Tile
    entries: bytes | None
    hashes: bytes | None
    """The tile of level 0."""


class LogReader:
    """Reads from the address of a client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        # cookies would be kept without a bound
        client.http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    @property
    def address(self) -> str:
        return self._client.address

    def checkpoint(self) -> str:
        """The newest signed note. Raises `ApiUnavailable`, as every method does."""
        path = "/log/checkpoint"
        return self._decoded(path, self._get(path, NOTE_BYTES))

    def policy(self) -> str | None:
        """The policy that the log serves; None if it says that it has none."""
        path = "/log/log.policy"
        body = self._find(path, POLICY_BYTES)
        return None if body is None else self._decoded(path, body)

    def tile(self, tile: Tile) -> bytes | None:
        """The bytes of a tile or bundle; None if the log says that it has none."""
        width = 2 + MAX_ENTRY_BYTES if tile.level is None else HASH_BYTES
        return self._find(f"/log/tile/{tile.path}", tile.width * width)

    def bundles(self, first: int, size: int) -> Iterator[Bundle]:
        """The bundles of a log of this size from the n-th on, each with its tile of hashes."""
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="download")
        waiting: deque[tuple[Tile, Future[bytes | None], Future[bytes | None]]] = deque()
        try:
            for n in range(first, -(-size // WIDTH)):
                width = min(WIDTH, size - n * WIDTH)
                entries, hashes = Tile(None, n, width), Tile(0, n, width)
                futures = pool.submit(self.tile, entries), pool.submit(self.tile, hashes)
                waiting.append((entries, *futures))
                if len(waiting) == AHEAD:
                    yield _result(*waiting.popleft())
            while waiting:
                yield _result(*waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def lines(self, first: int) -> Iterator[bytes]:
        """The lines of `GET /v1/events` from seq `first` on, without their line feeds.

        A connection that is lost is made anew.
        """
        attempts, after = Attempts(None, RETRIES), first - 1
        headers = {"Accept": NDJSON, **UNCOMPRESSED}
        while True:
            try:
                with self._client.http.stream(
                    "GET", "/v1/events", params={"after": after}, headers=headers
                ) as response:
                    delay = attempts.delay_after(response)
                    if delay is None:
                        if not response.is_success:
                            raise self._refusal(response)
                        for line in stream_lines(response, LINE_BYTES):
                            yield line
                            after += 1
                            attempts.succeeded()
                        return
            except httpx2.TransportError as error:
                delay = attempts.delay_after_error(error)
            time.sleep(delay)

    def items(self, path: str, at_most: int, **params: Any) -> Iterator[Any]:
        """The items of a list of the read API, page by page. A longer list has no end."""
        cursor, count = None, 0
        while True:
            page_of = params if cursor is None else {**params, "cursor": cursor}
            body = self._get(path, PAGE_BYTES, limit=PAGE, **page_of)
            try:
                page = orjson.loads(body)
                items, following = page["items"], page["next"]
                if not all(isinstance(item, dict) for item in items):
                    raise TypeError
                if not isinstance(following, str | None):
                    raise TypeError
            except (ValueError, KeyError, TypeError):
                raise ApiUnavailable(f"{self.address}{path} answered with no list") from None
            yield from items
            if following is None:
                return
            count += len(items)
            if not items or following == cursor:
                message = "answered with a page that leads no further"
                raise ApiUnavailable(f"{self.address}{path} {message}")
            if count > at_most:
                message = f"answered more than {at_most} items, and more are to follow"
                raise ApiUnavailable(f"{self.address}{path} {message}")
            cursor = following

    def _get(self, path: str, most: int, **params: Any) -> bytes:
        body = self._find(path, most, **params)
        if body is None:
            raise ApiUnavailable(f"{self.address}{path} is not found")
        return body

    def _find(self, path: str, most: int, **params: Any) -> bytes | None:
        """The body of an answer, of at most `most` bytes; None if there is nothing."""
        attempts = Attempts(None, RETRIES)
        while True:
            try:
                with self._client.http.stream(
                    "GET", path, params=params or None, headers=UNCOMPRESSED
                ) as response:
                    delay = attempts.delay_after(response)
                    if delay is None:
                        if response.status_code == 404:
                            return None
                        if response.is_success:
                            return read_body(response, most)
                        raise self._refusal(response)
            except httpx2.TransportError as error:
                delay = attempts.delay_after_error(error)
            time.sleep(delay)

    def _refusal(self, response: httpx2.Response) -> ApiUnavailable:
        body = read_body(response, PROBLEM_BYTES)
        read = httpx2.Response(response.status_code, content=body, request=response.request)
        error = problem_error(read)
        if isinstance(error, ApiUnavailable):
            return error
        return ApiUnavailable(f"{self.address} answered {error}")

    def _decoded(self, path: str, body: bytes) -> str:
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise ApiUnavailable(f"{self.address}{path} is not UTF-8") from None


def _result(tile: Tile, entries: "Future[bytes | None]", hashes: "Future[bytes | None]") -> Bundle:
    return Bundle(tile, entries.result(), hashes.result())
