"""Shutdown: each process exits on SIGTERM within the grace period of `onrecord up`."""

import signal
from pathlib import Path

import psycopg

from onrecord.entrypoints.supervisor import GRACE_SECONDS
from tests.support.processes import deployment, until


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
        for name in ("beat", "deliverer", "worker", "local_api"):
            process = deployed.running.pop(name)
            process.send_signal(signal.SIGTERM)
            code = process.wait(GRACE_SECONDS)
            # uvicorn ends itself by the signal that stopped it
            assert (-signal.SIGTERM if name == "local_api" else 0) == code, name
