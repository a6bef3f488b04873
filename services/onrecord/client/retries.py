"""Retries of calls: which responses and errors, and how long to wait. Used by both clients.

A call that is not repeatable is sent again only where the server cannot have seen it, or says that
it did not take it (429).
"""

import random
from typing import Any, Final

import httpx2

from onrecord.client.call import ApiUnavailable, Call, origin

FIRST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 10.0
_LATER: Final = frozenset((429, 502, 503, 504))


MAX_RETRY_AFTER: Final = 60.0
"""Seconds. A server that asks for more is not believed."""


class Attempts:
    """The attempts of one call. `retries`: how many may follow the first."""

    def __init__(self, call: Call[Any] | None, retries: int) -> None:
        self._repeatable = call is None or call.repeatable
        self._retries, self._failed = retries, 0

    def delay_after(self, response: httpx2.Response) -> float | None:
        """Seconds until the next attempt; None: this response is the answer."""
        may_repeat = self._repeatable or response.status_code == 429
        if response.status_code not in _LATER or not may_repeat or self._failed == self._retries:
            return None
        try:
            at_least = float(response.headers.get("Retry-After", 0))
        except ValueError:  # a date, which onrecord does not send
            at_least = 0.0
        # `nan` fails both comparisons
        return (at_least if 0 < at_least < MAX_RETRY_AFTER else 0.0) + self._backoff()

    def delay_after_error(self, error: httpx2.TransportError) -> float:
        """Seconds until the next attempt. Raises `ApiUnavailable` if there is none."""
        unsent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
        if not (self._repeatable or unsent) or self._failed == self._retries:
            address = origin(error.request.url)
            raise ApiUnavailable(f"{address} does not answer ({error})") from error
        return self._backoff()

    def succeeded(self) -> None:
        """Begin to count anew, as a stream does with each event."""
        self._failed = 0

    def _backoff(self) -> float:
        """Full jitter: uniform between nothing and twice the last maximum."""
        self._failed += 1
        return random.uniform(0, min(LONGEST_SECONDS, FIRST_SECONDS * 2**self._failed))  # noqa: S311 # no secret
