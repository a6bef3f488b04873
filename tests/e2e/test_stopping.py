"""Does each process end when it is asked to, within the time that `onrecord up` gives it?"""

from pathlib import Path

import psycopg

from onrecord.entrypoints import local
from onrecord.kit.processes import spawn
from tests.support.processes import deployment, until


def test_a_process_that_waits_for_its_broker_ends_by_itself(
    database_url: str, tmp_path: Path
) -> None:
    """Beat is the first to go, so that nothing comes that would wake the others."""
    with (
        deployment(database_url, tmp_path) as deployed,
        psycopg.connect(database_url, autocommit=True) as observer,
    ):
        deployed.start("local_api", "worker", "deliverer", "beat")
        swept = "SELECT FROM projections.sweeps"
        until(lambda: observer.execute(swept).fetchone() is not None, "a worker is at work")
        for name in ("beat", "deliverer", "worker"):
            process = deployed.running.pop(name)
            assert [] == spawn.stop_children([process], grace=local.GRACE), name
            assert 0 == process.returncode, name
        assert [] == spawn.stop_children([deployed.running.pop("local_api")], grace=local.GRACE)
