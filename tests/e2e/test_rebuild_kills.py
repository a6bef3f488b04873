"""Rebuild under `kill -9`: it resumes wherever it was killed, and reads do not change meanwhile.

Real processes. A test holds the lock that the process needs next to kill it at a chosen moment; one
kill comes at a random moment.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from onrecord.audit.replay import replay_ledger
from onrecord.kit.settings import addresses
from onrecord.kit.sql import db
from tests.e2e.test_faults import record_from
from tests.support.processes import Deployment, deployment, until
from tests.support.recording import register

ENTRIES = 6_000
OF_POSITIONS = "FROM projections.checkpoints WHERE name = 'positions'"

LOCK_TABLE = "LOCK TABLE projections.steps IN SHARE MODE"
LOCK_PART = "SELECT FROM projections.parts WHERE part = 3 FOR UPDATE"
LOCK_LIVE_ROW = f"SELECT {OF_POSITIONS} AND live FOR NO KEY UPDATE"
KEEP_LIVE_ROW = f"SELECT {OF_POSITIONS} AND live FOR KEY SHARE"

LOCK_WAITS = (
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE NOT granted AND datname = current_database()"
)
PART_CLAIMS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'onrecord_projections' AND query LIKE '%SKIP LOCKED%'"
)
FINISHED_PARTS = "SELECT count(*) FROM projections.parts WHERE size = until"
STARTED_PARTS = "SELECT count(*) FROM projections.parts WHERE size > 0"
LIVE_GENERATION = f"SELECT generation {OF_POSITIONS} AND live"
GENERATION_COUNT = (
    "SELECT count(*) FROM (SELECT generation FROM projections.steps"
    f" UNION SELECT generation {OF_POSITIONS}) generations"
)


@contextmanager
def rebuilding(deployed: Deployment) -> Iterator[subprocess.Popen[bytes]]:
    """`onrecord rebuild positions`, killed at the end."""
    url, broker = addresses(deployed.settings)
    process = subprocess.Popen(
        [sys.executable, "-m", "onrecord.entrypoints.cli", "rebuild", "positions"],
        env={**os.environ, "ONRECORD_DATABASE_URL": url, "ONRECORD_BROKER_URL": broker},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def locked(url: str, sql: str) -> Iterator[psycopg.Connection[Any]]:
    """Hold the lock of a statement, until the `with` ends or the connection is rolled back."""
    with psycopg.connect(url) as conn:
        conn.execute(sql.encode())
        yield conn
        conn.rollback()


class Reader:
    """Reads the same position in a loop; keeps the distinct responses, byte for byte."""

    def __init__(self, deployed: Deployment) -> None:
        self.responses: set[tuple[int, str]] = set()
        self.reads = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(deployed,))

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self, deployed: Deployment) -> None:
        params = {"as_of": "2023-01-01", "known_size": str(ENTRIES)}
        with deployed.client(timeout=30) as client:
            while not self._stopping.is_set():
                response = client.http.get("/v1/actors/a/topics/t/position", params=params)
                self.responses.add((response.status_code, response.text))
                self.reads += 1


def test_killed_rebuild_resumes_and_reads_do_not_change(database_url: str, tmp_path: Path) -> None:
    with (
        deployment(database_url, tmp_path) as deployed,
        psycopg.connect(database_url, autocommit=True) as observer,
    ):

        def query(sql: str) -> Any:
            row = observer.execute(sql.encode()).fetchone()
            return row and row[0]

        deployed.start("local_api", "worker", "beat")
        with deployed.client() as client:
            register(client, ["a"], ["t"])
            record_from(client, 2, ENTRIES - 2)
        folded = "SELECT min(size) FROM projections.checkpoints"
        until(lambda: bool(ENTRIES == query(folded)), "everything is folded")
        for name in ("worker", "beat"):
            deployed.kill(name)
        with Reader(deployed) as reader:
            kill_the_command(deployed, database_url, query)
            # without the command, workers alone remove the old generation and finish a rebuild
            deployed.start("worker", "beat")
            until(
                lambda: bool(1 == query(GENERATION_COUNT)),
                "the old generation is removed",
            )
            with rebuilding(deployed):
                time.sleep(random.uniform(0.5, 2.0))
            deployed.kill("worker")
            deployed.start("worker")
            with rebuilding(deployed) as process:
                assert 0 == process.wait(60)
            assert [True, 1] == [query(LIVE_GENERATION) > 2, query(GENERATION_COUNT)]
        assert [200] == [status for status, _ in reader.responses], reader.responses
        assert reader.reads > 50
        engine = db.engine(database_url, role="onrecord_audit")
        outcome = replay_ledger(engine, lambda *_: None)
        engine.dispose()
        assert (ENTRIES, True) == (outcome.size, outcome.equal)


def kill_the_command(deployed: Deployment, url: str, query: Any) -> None:
    """Kill the command at each stage of a rebuild, while no worker runs."""
    with locked(url, LOCK_TABLE), rebuilding(deployed):
        until(lambda: query(LOCK_WAITS) > 0, "it is folding its first page")
    assert [0, 1] == [query(STARTED_PARTS), query(LIVE_GENERATION)]
    with locked(url, LOCK_PART), rebuilding(deployed):
        until(lambda: bool(query(FINISHED_PARTS) == 3), "three of four parts are finished")
    assert [3, 1] == [query(FINISHED_PARTS), query(LIVE_GENERATION)]
    with ExitStack() as stack:
        part = stack.enter_context(locked(url, LOCK_PART))
        stack.enter_context(rebuilding(deployed))
        until(lambda: query(PART_CLAIMS) > 0, "it is looking for a part")
        stack.enter_context(locked(url, LOCK_LIVE_ROW))
        part.rollback()
        until(lambda: query(LOCK_WAITS) > 0, "it is between the last part and the switch")
    assert [4, 1] == [query(FINISHED_PARTS), query(LIVE_GENERATION)]
    with locked(url, KEEP_LIVE_ROW), rebuilding(deployed):
        until(lambda: bool(2 == query(LIVE_GENERATION)), "it is about to remove the old generation")
    assert 2 == query(GENERATION_COUNT)
