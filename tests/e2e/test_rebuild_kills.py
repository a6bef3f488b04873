"""A rebuild whose processes are killed at any moment, while reads go on and stay the same.

Real processes, `kill -9`. The moments are forced by holding what the process needs next; one is
left to chance.
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

import httpx2
import psycopg

from onrecord.audit.replay import replay_ledger
from onrecord.entrypoints import infrastructure
from onrecord.kit.sql import db
from tests.e2e.test_faults import lines, post_lines, register
from tests.support.processes import Deployment, deployment, until

COUNT = 6_000
OF_POSITIONS = "FROM projections.checkpoints WHERE name = 'positions'"

TABLE = "LOCK TABLE projections.steps IN SHARE MODE"
PART = "SELECT FROM projections.parts WHERE part = 3 FOR UPDATE"
LIVE = f"SELECT {OF_POSITIONS} AND live FOR NO KEY UPDATE"
OLD = f"SELECT {OF_POSITIONS} AND live FOR KEY SHARE"

WAITS = (
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE NOT granted AND datname = current_database()"
)
LOOKS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'onrecord_projections' AND query LIKE '%SKIP LOCKED%'"
)
DONE = "SELECT count(*) FROM projections.parts WHERE size = until"
BEGUN = "SELECT count(*) FROM projections.parts WHERE size > 0"
GENERATION = f"SELECT generation {OF_POSITIONS} AND live"
GENERATIONS = (
    "SELECT count(*) FROM (SELECT generation FROM projections.steps"
    f" UNION SELECT generation {OF_POSITIONS}) all_there_are"
)


@contextmanager
def rebuilding(deployed: Deployment) -> Iterator[subprocess.Popen[bytes]]:
    """`onrecord rebuild positions`, killed on the way out."""
    url, broker = infrastructure.addresses(deployed.settings)
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
def held(url: str, sql: str) -> Iterator[psycopg.Connection[Any]]:
    """Hold a row or a table, until this ends or the connection is rolled back."""
    with psycopg.connect(url) as conn:
        conn.execute(sql.encode())
        yield conn
        conn.rollback()


class Reader:
    """Asks for the same position again and again; keeps every different answer."""

    def __init__(self, address: str) -> None:
        self.answers: set[tuple[int, str]] = set()
        self.count = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(address,))

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self, address: str) -> None:
        ask = {"as_of": "2023-01-01", "known_size": str(COUNT)}
        with httpx2.Client(base_url=address, timeout=30) as client:
            while not self._over.is_set():
                answer = client.get("/v1/actors/a/topics/t/position", params=ask)
                self.answers.add((answer.status_code, answer.text))
                self.count += 1


def test_a_killed_rebuild_goes_on_and_reads_stay_the_same(
    database_url: str, tmp_path: Path
) -> None:
    with (
        deployment(database_url, tmp_path) as deployed,
        psycopg.connect(database_url, autocommit=True) as observer,
    ):

        def asked(sql: str) -> Any:
            row = observer.execute(sql.encode()).fetchone()
            return row and row[0]

        deployed.start("local_api", "worker", "beat")
        with httpx2.Client(base_url=deployed.address, timeout=60) as client:
            register(client)
            post_lines(client, lines(2, COUNT - 2))
        level = "SELECT min(size) FROM projections.checkpoints"
        until(lambda: bool(COUNT == asked(level)), "everything is folded", seconds=60)
        for name in ("worker", "beat"):
            deployed.kill(name)
        with Reader(deployed.address) as reader:
            kill_the_command(deployed, database_url, asked)
            # workers alone remove what it left, and build what is begun by who is killed anywhere
            deployed.start("worker", "beat")
            until(lambda: bool(1 == asked(GENERATIONS)), "the one before is removed", seconds=60)
            with rebuilding(deployed):
                time.sleep(random.uniform(0.5, 2.0))
            deployed.kill("worker")
            deployed.start("worker")
            with rebuilding(deployed) as process:
                assert 0 == process.wait(60)
            assert [True, 1] == [asked(GENERATION) > 2, asked(GENERATIONS)]
        assert [200] == [status for status, _ in reader.answers], reader.answers
        assert reader.count > 50
        engine = db.engine(database_url, role="onrecord_audit")
        outcome = replay_ledger(engine, lambda *_: None)
        engine.dispose()
        assert (COUNT, True) == (outcome.size, outcome.equal)


def kill_the_command(deployed: Deployment, url: str, asked: Any) -> None:
    """Begin a rebuild and kill it at each of its moments; no worker is there to help."""
    with held(url, TABLE), rebuilding(deployed):
        until(lambda: asked(WAITS) > 0, "it is in the middle of its first page")
    assert [0, 1] == [asked(BEGUN), asked(GENERATION)]
    with held(url, PART), rebuilding(deployed):
        until(lambda: bool(asked(DONE) == 3), "three of four parts are at their end")
    assert [3, 1] == [asked(DONE), asked(GENERATION)]
    with ExitStack() as ends:
        part = ends.enter_context(held(url, PART))
        ends.enter_context(rebuilding(deployed))
        until(lambda: asked(LOOKS) > 0, "it looks for a part")
        ends.enter_context(held(url, LIVE))
        part.rollback()
        until(lambda: asked(WAITS) > 0, "it is between the last part and the switch")
    assert [4, 1] == [asked(DONE), asked(GENERATION)]
    with held(url, OLD), rebuilding(deployed):
        until(lambda: bool(2 == asked(GENERATION)), "it is about to remove the one before")
    assert 2 == asked(GENERATIONS)
