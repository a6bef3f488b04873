"""A settable clock for the processes of a test, PostgreSQL included.

By libfaketime, preloaded into processes that are started from then on. They read the offset from a
file whenever they ask for the time. Monotonic clocks are not changed.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import libfaketime
import pytest

from onrecord.kit.postgres import server

_LIBRARY = Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"


@dataclass(frozen=True)
class SteppedClock:
    file: Path

    def step(self, seconds: int) -> None:
        """Set every process so far ahead of the true time (behind, if negative)."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.chmod(0o644)
        fresh.rename(self.file)


@contextmanager
def stepped_clock(folder: Path) -> Iterator[SteppedClock]:
    """A clock for all processes that are started inside the `with` block."""
    clock = SteppedClock(folder / "offset")
    clock.step(0)
    variables = {
        "LD_PRELOAD": str(_LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(clock.file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    with _shared(variables) as shared, pytest.MonkeyPatch.context() as patch:
        for name, value in {**variables, "FAKETIME_SHARED": shared}.items():
            patch.setenv(name, value)
            patch.setitem(server.ENVIRONMENT, name, value)
        yield clock


@contextmanager
def _shared(variables: dict[str, str]) -> Iterator[str]:
    """The library's semaphore and shared memory, writable for the user that runs PostgreSQL."""
    with subprocess.Popen(
        [sys.executable, "-c", "import os; print(os.environ['FAKETIME_SHARED']); input()"],
        env={**os.environ, **variables, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        shared = holder.stdout.readline().strip()
        semaphore, memory = (name.removeprefix("/") for name in shared.split())
        for name in (f"sem.{semaphore}", memory):
            Path("/dev/shm", name).chmod(0o666)
        try:
            yield shared
        finally:
            holder.communicate("\n")
