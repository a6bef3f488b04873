"""Shutdown: each process exits on SIGTERM within the grace period of `onrecord up`."""

import signal
import sys
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.support.processes import deployment, until


def handles_sigterm(pid: int) -> bool:
    """Whether a process has a handler of SIGTERM. Until then the signal ends it at once."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see the handlers of signals")
def test_idle_processes_exit_on_sigterm_within_the_grace_period(
    database_url: str, tmp_path: Path
) -> None:
    """Beat is stopped first, so that the others wait for a task that does not come."""
    with (
        deployment(database_url, tmp_path) as deployed,
        psycopg.connect(database_url, autocommit=True) as observer,
    ):
        deployed.start("local_api", "worker", "deliverer", "beat")
        sweep = "SELECT FROM projections.sweeps"
        until(lambda: observer.execute(sweep).fetchone() is not None, "a worker has swept")
        for process in deployed.running.values():
            until(partial(handles_sigterm, process.pid), "its handler of SIGTERM is installed")
        for name in ("beat", "deliverer", "worker", "local_api"):
            process = deployed.running.pop(name)
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
            # uvicorn ends itself by the signal that stopped it
            assert (-signal.SIGTERM if name == "local_api" else 0) == code, name
