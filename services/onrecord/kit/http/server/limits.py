"""Limits of a connection, and the credit of a transfer that must keep a minimum rate.

Used by `protocol`; `entrypoints.server` lowers the number of connections where few files may be
open.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Limits:
    """What a client may take of a server process."""

    connections: int = 2_000
    """Beyond these, the connection that has been idle for longest is closed for a new one."""
    head_bytes: int = 65_536
    """Of the request line and all headers; of trailers too."""
    target_bytes: int = 16_384
    headers: int = 100
    pipelined: int = 32
    """Requests that wait on a connection for the answers before theirs."""
    head_seconds: float = 10
    """From the connection, or from the first byte of a later request, to the end of its head."""
    idle_seconds: int = 5
    """Between an answer and the first byte of the next request."""
    stall_seconds: float = 20
    """How long a body, or the reading of an answer, may be slower than `bytes_per_second`."""
    bytes_per_second: int = 500
    drain_seconds: float = 10
    """How long the rest of a body is read and dropped after its answer."""


DEFAULT_LIMITS: Final = Limits()


class Credit:
    """Seconds that a transfer may still be too slow. Each byte adds to them, time takes them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.left = limits.stall_seconds

    def earn(self, transferred: int) -> None:
        """Add the time that so many bytes may take."""
        seconds = self.left + transferred / self._limits.bytes_per_second
        self.left = min(seconds, self._limits.stall_seconds)

    def spend(self, seconds: float) -> bool:
        """Take time off; whether the transfer is too slow."""
        self.left -= seconds
        return self.left < 0

    def renew(self) -> None:
        """Restore the full credit."""
        self.left = self._limits.stall_seconds
