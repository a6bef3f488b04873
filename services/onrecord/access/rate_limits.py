"""Rate limits: requests per key, and per address of requests without a valid key.

Used by `authentication`. Counted in fixed windows by the library `limits`, in the memory of each
process: with n processes behind one address, a client has n times as much.
"""

import math
import time
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from onrecord.kit.http.problems import Problem

MAX_COUNTERS: Final = 10_000
"""Keys and addresses that are counted one by one; further addresses share a counter."""
_OTHERS: Final = "others"


class RateLimits:
    """The counters of a process. Limits as `limits` writes them: `100/second`."""

    def __init__(self, per_key: str, per_address: str) -> None:
        self._per_key, self._per_address = parse(per_key), parse(per_address)
        self._storage = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._storage)

    def count_key(self, id_: str) -> None:
        """Count a request with a valid key. Raises a 429 `Problem`."""
        if not self._limiter.hit(self._per_key, "key", id_):
            raise self._too_many(self._per_key, "key", id_, "this key")

    def count_address(self, address: str, group: str) -> None:
        """Count a request without a valid key. Raises a 429 `Problem`."""
        name = self._address(address, group)
        if not self._limiter.hit(self._per_address, group, name):
            raise self._too_many(self._per_address, group, name, "your address without a valid key")

    def check_address(self, address: str, group: str) -> None:
        """Raise what `count_address` would, without counting."""
        name = self._address(address, group)
        if not self._limiter.test(self._per_address, group, name):
            raise self._too_many(self._per_address, group, name, "your address without a valid key")

    def _address(self, address: str, group: str) -> str:
        """The name under which an address is counted. A network of IPv6 (/64) is one client's."""
        name = address
        with suppress(ValueError):  # a client of a Unix socket has none
            ip = ip_address(address)
            if isinstance(ip, IPv6Address):
                name = str(ip.ipv4_mapped) if ip.ipv4_mapped else f"{int(ip) >> 64:x}::/64"
        counters = self._storage.storage
        is_counted = self._per_address.key_for(group, name) in counters
        return name if is_counted or len(counters) < MAX_COUNTERS else _OTHERS

    def _too_many(self, limit: RateLimitItem, group: str, name: str, whose: str) -> Problem:
        reset = self._limiter.get_window_stats(limit, group, name).reset_time
        seconds = max(1, math.ceil(reset - time.time()))
        return Problem(
            429,
            "rate-limited",
            f"Too many requests by {whose}: {limit} are allowed. Try again in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )
