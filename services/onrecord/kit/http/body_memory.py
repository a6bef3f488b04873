"""The memory that all request bodies of a process may take together.

Used by `strict_bodies` and `ingest.batch_lines`. Each of 2,000 connections could otherwise hold a
body of 1 MiB. The first `UNCOUNTED` bytes of each body are free, so that clients who hold all of
the memory keep nobody from sending a body of usual size.
"""

from types import TracebackType
from typing import Final, Self

from onrecord.kit.http.problems import Problem, unavailable

MAX_COUNTED: Final = 64 * 1_048_576
"""Bytes, beside what is free."""
UNCOUNTED: Final = 16_384
"""Bytes. 2,000 connections hold 31 MiB of them."""


class BodyMemory:
    """What the bodies of a process hold now."""

    def __init__(self) -> None:
        self.limit = MAX_COUNTED
        self.counted = 0
        """Bytes."""

    def share(self) -> "BodyShare":
        """A share that holds nothing yet."""
        return BodyShare(self)


class BodyShare:
    """What one request holds, given back at the end of the `with`."""

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self._counted = 0
        self.size = 0
        """Bytes."""

    def resize(self, size: int) -> bool:
        """Hold so many bytes from now on; false, and nothing changed, if there is no room."""
        counted = max(0, size - UNCOUNTED)
        total = self._memory.counted + counted - self._counted
        if counted > self._counted and total > self._memory.limit:
            return False
        self._memory.counted, self._counted, self.size = total, counted, size
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.resize(0)


def no_memory() -> Problem:
    """The problem of a body for which there is no room."""
    return unavailable("busy", "Too many large bodies are being received; repeat this one.")
