"""Faults of real processes: no entry is lost or folded twice.

Positions are written over HTTP and folded by a Celery worker. Processes are killed, or connections
to the broker cut. At the end a replay compares the projections with the ledger.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from onrecord.audit.replay import replay_ledger
from onrecord.client import ApiUnavailable, Client, writes
from onrecord.client.call import Call
from onrecord.ingest.schemas import PositionIn, Recorded
from onrecord.kit.sql import db
from onrecord.projections.registry import PROJECTIONS
from tests.support.bodies import line, position
from tests.support.committing import STALL, lock_held, stall_at_commit, waiting
from tests.support.processes import BROKER, Deployment, deployment, until
from tests.support.proxy import proxied
from tests.support.recording import record, register

KILLS = 20


@pytest.fixture
def deployed(database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(database_url, tmp_path) as processes:
        yield processes


def record_from(client: Client, start: int, count: int) -> None:
    """Record positions of one actor on one topic; each has its number as id and as order."""
    record(
        client,
        [
            line("position", UUID(int=n), position(actor="a", topic="t", order=n))
            for n in range(start, start + count)
        ],
    )


def assert_nothing_lost(deployed: Deployment, database_url: str, *, size: int) -> None:
    """All `size` entries are recorded, and folded exactly once."""
    with db.connect(database_url) as conn:

        def caught_up() -> bool:
            row = conn.execute("SELECT count(*), min(size) FROM projections.checkpoints").fetchone()
            return row == (len(PROJECTIONS), size)

        until(caught_up, f"all projections are at {size}")
    outcome = replay_ledger(db.engine(database_url, role="onrecord_audit"), lambda *_: None)
    assert (outcome.size, outcome.equal) == (size, True)


def test_worker_killed_during_a_fold_loses_and_duplicates_nothing(
    deployed: Deployment, database_url: str
) -> None:
    deployed.start("local_api", "worker", "beat")
    size = 2
    with (
        deployed.client() as client,
        psycopg.connect(database_url, autocommit=True) as observer,
    ):
        register(client, ["a"], ["t"])

        def folding() -> bool:
            row = observer.execute(
                "SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid)"
                " WHERE a.datname = current_database() AND a.backend_xid IS NOT NULL"
                " AND a.application_name = 'onrecord_projections' AND l.mode = 'RowExclusiveLock'"
                " AND l.relation = 'projections.steps'::regclass"
            ).fetchone()
            return row is not None and row[0] > 0

        def folding_after_a_write() -> bool:
            """Whether a fold is under way; writes more where all that was written is folded."""
            nonlocal size
            if folding():
                return True
            row = observer.execute("SELECT min(size) FROM projections.checkpoints").fetchone()
            if row == (size,):
                record_from(client, size, 400)
                size += 400
            return False

        for _ in range(KILLS):
            until(folding_after_a_write, "a fold's transaction is open")
            deployed.kill("worker")
            deployed.start("worker")
    assert_nothing_lost(deployed, database_url, size=size)


def test_api_killed_between_commit_and_answer_replays_the_answer_to_a_retry(
    deployed: Deployment, database_url: str
) -> None:
    """The API is stopped (SIGSTOP) while it waits for its COMMIT, which then succeeds."""
    deployed.start("local_api", "worker", "beat")
    with deployed.client() as client:
        register(client, ["a"], ["t"])
    stall_at_commit(database_url)
    for seq in range(2, 2 + 3):
        id_ = uuid4()
        write = writes.record_position(PositionIn(**position(id=id_, actor="a", topic="t")))
        answers: list[Recorded] = []
        writer = threading.Thread(target=attempt, args=(deployed, write, answers))
        with lock_held(database_url, STALL) as lock:
            writer.start()
            until(lambda: waiting(lock.conn, STALL) == 1, "its commit is under way")
            deployed.running["local_api"].send_signal(signal.SIGSTOP)
            lock.release()
            until(partial(is_recorded, lock.conn, id_), "it is committed")
        deployed.kill("local_api")
        writer.join()
        assert [] == answers
        deployed.start("local_api")
        with deployed.client(timeout=10) as client:
            assert client.send(write).seq == seq
    assert_nothing_lost(deployed, database_url, size=2 + 3)


def attempt(deployed: Deployment, write: Call[Recorded], answers: list[Recorded]) -> None:
    with suppress(ApiUnavailable), deployed.client(timeout=10) as client:
        answers.append(client.send(write))


def is_recorded(observer: psycopg.Connection[Any], id_: UUID) -> bool:
    cursor = observer.execute("SELECT 1 FROM ledger.entries WHERE id = %s", [id_])
    return cursor.fetchone() is not None


@pytest.mark.skipif(
    BROKER is not None, reason="cuts connections of PGMQ; the test of RabbitMQ is below"
)
def test_cut_connections_to_pgmq_lose_no_entry(deployed: Deployment, database_url: str) -> None:
    deployed.start("local_api", "worker", "beat")
    with psycopg.connect(database_url, autocommit=True) as observer:

        def cut() -> None:
            observer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'onrecord'"
            )

        size = write_while_cutting(deployed, cut)
    assert_nothing_lost(deployed, database_url, size=size)


@pytest.mark.skipif(BROKER is None, reason="needs RabbitMQ: ONRECORD_TEST_BROKER_URL is not set")
def test_cut_connections_to_rabbitmq_lose_no_entry(database_url: str, tmp_path: Path) -> None:
    assert BROKER is not None
    with (
        proxied(BROKER) as (proxy, proxy_url),
        deployment(database_url, tmp_path, broker_url=proxy_url) as deployed,
    ):
        deployed.start("local_api", "worker", "beat")
        size = write_while_cutting(deployed, proxy.cut)
        assert_nothing_lost(deployed, database_url, size=size)


def write_while_cutting(deployed: Deployment, cut: Callable[[], None]) -> int:
    """Write before and after each of five cuts; the ledger's size."""
    size = 2
    with deployed.client() as client:
        register(client, ["a"], ["t"])
        for _ in range(5):
            record_from(client, size, 50)
            cut()
            record_from(client, size + 50, 50)
            size += 100
    return size
