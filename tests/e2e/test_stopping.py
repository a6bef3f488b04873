"""Shutdown: each process exits on SIGTERM within the grace period of `onrecord up`."""

from pathlib import Path

import psycopg

from onrecord.entrypoints.supervisor import GRACE_SECONDS
from onrecord.kit.processes import spawn
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
        for name in ("beat", "deliverer", "worker"):
            process = deployed.running.pop(name)
            assert [] == spawn.stop_children([process], grace=GRACE_SECONDS), name
            assert 0 == process.returncode, name
        assert [] == spawn.stop_children([deployed.running.pop("local_api")], grace=GRACE_SECONDS)
