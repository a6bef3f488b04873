"""How does a test set the clock of real processes, PostgreSQL's too, forward and back?

By the library libfaketime, preloaded into what is started from then on: its offset stands in a
file that every process looks into whenever it asks for the time. Clocks that only go forward stay.
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
class Clock:
    file: Path

    def step(self, seconds: int) -> None:
        """Let every process be so far ahead of the true time (behind, if negative)."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.chmod(0o644)
        fresh.rename(self.file)


@contextmanager
def stepped_clock(folder: Path) -> Iterator[Clock]:
    """A clock of all processes that are started while the `with` lasts."""
    clock = Clock(folder / "offset")
    clock.step(0)
    faked = {
        "LD_PRELOAD": str(_LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(clock.file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    with _shared(faked) as shared, pytest.MonkeyPatch.context() as patch:
        for name, value in {**faked, "FAKETIME_SHARED": shared}.items():
            patch.setenv(name, value)
            patch.setitem(server.ENVIRONMENT, name, value)
        yield clock


@contextmanager
def _shared(faked: dict[str, str]) -> Iterator[str]:
    """The library's semaphore and shared memory, which the server's own user may use too."""
    with subprocess.Popen(
        [sys.executable, "-c", "import os; print(os.environ['FAKETIME_SHARED']); input()"],
        env={**os.environ, **faked, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        shared = holder.stdout.readline().strip()
        semaphore, memory = (one.removeprefix("/") for one in shared.split())
        for name in (f"sem.{semaphore}", memory):
            Path("/dev/shm", name).chmod(0o666)
        try:
            yield shared
        finally:
            holder.communicate("\n")
