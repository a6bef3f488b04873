"""Reads of a log over HTTP: checkpoint, policy, tiles and bundles, events as lines, lists.

Used by `run`. What is served is not checked here; what is no answer raises `ApiUnavailable`.
"""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import httpx2

from onrecord.client import ApiUnavailable, Client, ProblemError
from onrecord.client.call import NDJSON, problem_error
from onrecord.client.retries import Attempts
from onrecord.kit.tlog.subtrees import WIDTH
from onrecord.kit.tlog.tiles import Tile

RETRIES: Final = 5
THREADS: Final = 4
AHEAD: Final = 8
"""Bundles that are downloaded before they are checked."""
PAGE: Final = 500


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

    @property
    def address(self) -> str:
        return self._client.address

    def text(self, path: str) -> str:
        """A text below `/log/`. Raises `ApiUnavailable`."""
        return self._get(path).text

    def policy(self) -> str | None:
        """The policy that the log serves; None if it says that it has none."""
        try:
            return self.text("/log/log.policy")
        except ApiUnavailable as error:
            if _is_not_found(error):
                return None
            raise

    def tile(self, tile: Tile) -> bytes | None:
        """The bytes of a tile or bundle; None if the log says that it has none."""
        try:
            return self._get(f"/log/tile/{tile.path}").content
        except ApiUnavailable as error:
            if _is_not_found(error):
                return None
            raise

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
        while True:
            rest = b""
            try:
                with self._client.http.stream(
                    "GET", "/v1/events", params={"after": after}, headers={"Accept": NDJSON}
                ) as response:
                    delay = attempts.delay_after(response)
                    if delay is None and not response.is_success:
                        response.read()
                        raise self._unavailable(problem_error(response))
                    if delay is None:
                        for chunk in response.iter_bytes():
                            *lines, rest = (rest + chunk).split(b"\n")
                            for line in lines:
                                yield line
                                after += 1
                            attempts.succeeded()
                        return
            except httpx2.TransportError as error:
                delay = attempts.delay_after_error(error)
            time.sleep(delay)

    def items(self, path: str, **params: Any) -> Iterator[Any]:
        """The items of a list of the read API, page by page."""
        cursor: dict[str, str] = {}
        while True:
            response = self._get(path, limit=PAGE, **params, **cursor)
            try:
                page = response.json()
                items, following = page["items"], page["next"]
                if not all(isinstance(item, dict) for item in items):
                    raise TypeError
            except (ValueError, KeyError, TypeError):
                raise ApiUnavailable(f"{self.address}{path} answered with no list") from None
            yield from items
            if following is None:
                return
            cursor = {"cursor": following}

    def _get(self, path: str, **params: Any) -> httpx2.Response:
        attempts = Attempts(None, RETRIES)
        while True:
            try:
                response = self._client.http.get(path, params=params or None)
            except httpx2.TransportError as error:
                delay: float | None = attempts.delay_after_error(error)
            else:
                delay = attempts.delay_after(response)
            if delay is None:
                if response.is_success:
                    return response
                error_ = problem_error(response)
                raise self._unavailable(error_) from error_
            time.sleep(delay)

    def _unavailable(self, error: Exception) -> ApiUnavailable:
        if isinstance(error, ApiUnavailable):
            return error
        return ApiUnavailable(f"{self.address} answered {error}")


def _result(tile: Tile, entries: "Future[bytes | None]", hashes: "Future[bytes | None]") -> Bundle:
    return Bundle(tile, entries.result(), hashes.result())


def _is_not_found(error: ApiUnavailable) -> bool:
    return isinstance(error.__cause__, ProblemError) and error.__cause__.status == 404
