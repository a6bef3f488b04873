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

import httpx2
import orjson
import psycopg
import pytest

from onrecord.audit.replay import replay_ledger
from onrecord.kit.sql import db
from onrecord.projections.registry import PROJECTIONS
from tests.support.committing import STALL, lock_held, stall_at_commit, waiting
from tests.support.processes import BROKER, Deployment, deployment, until
from tests.support.proxy import proxied

KILLS = 20


@pytest.fixture
def deployed(database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(database_url, tmp_path) as processes:
        yield processes


def lines(start: int, count: int) -> bytes:
    """Batch lines of positions of the same actor on the same topic."""
    body = {"actor": "a", "topic": "t", "stance": "support", "summary": "s", "coder": "tests"}
    return b"\n".join(
        orjson.dumps(
            {
                "op": "position",
                "id": str(UUID(int=n)),
                "body": {**body, "effective": "2022-01-01", "order": n},
            }
        )
        for n in range(start, start + count)
    )


def post_lines(client: httpx2.Client, content: bytes) -> None:
    response = client.post(
        "/v1/batch", content=content, headers={"Content-Type": "application/x-ndjson"}
    )
    statuses = {orjson.loads(line)["status"] for line in response.content.splitlines()}
    assert statuses == {201}


def register(client: httpx2.Client) -> None:
    client.post("/v1/actors", json={"id": "a", "kind": "person"}).raise_for_status()
    topic = {"id": "t", "label": "T", "proposition": "Do it."}
    client.post("/v1/topics", json=topic).raise_for_status()


def assert_nothing_lost(deployed: Deployment, database_url: str, *, size: int) -> None:
    """All `size` entries are recorded, and folded exactly once."""
    with db.connect(database_url) as conn:

        def caught_up() -> bool:
            row = conn.execute("SELECT count(*), min(size) FROM projections.checkpoints").fetchone()
            return row == (len(PROJECTIONS), size)

        until(caught_up, f"all projections are at {size}", seconds=60)
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
        register(client)

        def folding() -> bool:
            row = observer.execute(
                "SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid)"
                " WHERE a.datname = current_database() AND a.backend_xid IS NOT NULL"
                " AND a.application_name = 'onrecord_projections' AND l.mode = 'RowExclusiveLock'"
                " AND l.relation = 'projections.steps'::regclass"
            ).fetchone()
            return row is not None and row[0] > 0

        for _ in range(KILLS):
            post_lines(client, lines(size, 400))
            size += 400
            until(folding, "a fold's transaction is open")
            deployed.kill("worker")
            deployed.start("worker")
    assert_nothing_lost(deployed, database_url, size=size)


def test_api_killed_between_commit_and_answer_replays_the_answer_to_a_retry(
    deployed: Deployment, database_url: str
) -> None:
    """The API is stopped (SIGSTOP) while it waits for its COMMIT, which then succeeds."""
    deployed.start("local_api", "worker", "beat")
    with deployed.client(timeout=10) as client:
        register(client)
    stall_at_commit(database_url)
    for seq in range(2, 2 + 3):
        id_ = uuid4()
        body = {"id": str(id_), "actor": "a", "topic": "t", "stance": "oppose"}
        body |= {"summary": "s", "coder": "tests", "effective": "2022"}
        answers: list[int] = []
        writer = threading.Thread(target=attempt, args=(deployed, body, answers))
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
            retry = client.post("/v1/positions", json=body)
        assert (retry.status_code, retry.headers["Idempotent-Replay"]) == (200, "true")
        assert retry.json()["seq"] == seq
    assert_nothing_lost(deployed, database_url, size=2 + 3)


def attempt(deployed: Deployment, body: dict[str, str], answers: list[int]) -> None:
    with suppress(httpx2.TransportError), deployed.client(timeout=10) as client:
        answers.append(client.post("/v1/positions", json=body).status_code)


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
        register(client)
        for _ in range(5):
            post_lines(client, lines(size, 50))
            cut()
            post_lines(client, lines(size + 50, 50))
            size += 100
    return size
