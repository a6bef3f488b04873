"""Tests that requests are answered while the server's processes are frozen, and all is well after.

A frozen server keeps its connections open, so only a deadline of the client ends a wait for it.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Final
from uuid import uuid4

import psutil
import psycopg
import pytest
from httpx2 import Client, Response
from structlog.testing import capture_logs

from onrecord.access import key_cache
from onrecord.kit.sql import deadlines
from tests.support import postgres
from tests.support.bodies import NDJSON, actor, line, ndjson, post
from tests.support.cut_clients import missing_connections, opened_pools
from tests.support.processes import until
from tests.support.store import Store, run_api

pytestmark = pytest.mark.skipif(
    bool(postgres.GIVEN), reason="the processes of a given server may be on another machine"
)

READS: Final = (
    *("/v1/actors", "/v1/actors?min_size=1", "/v1/actors/ann/topics/talks/position", "/v1/events"),
    *("/v1/endpoints", "/v1/keys", "/metrics", "/readyz"),
)
BACKENDS: Final = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
CODES: Final = {"database-unavailable", "ledger-unavailable", "outcome-unknown"}


def backends(url: str) -> list[psutil.Process]:
    """The processes behind all connections to a database."""
    with psycopg.connect(url) as conn:
        return [psutil.Process(pid) for (pid,) in conn.execute(BACKENDS).fetchall()]


@contextmanager
def frozen(processes: list[psutil.Process]) -> Iterator[None]:
    """The processes are stopped, and go on after the `with`; one may end by itself meanwhile."""
    try:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def send_all(client: Client) -> list[Response]:
    """The answers to one request of each kind, sent at once."""
    slug = f"a{uuid4().hex}"
    batch = ndjson([line("actor", f"{slug}-batch", actor(f"{slug}-batch"))])
    with ThreadPoolExecutor(20) as threads:
        sent = [threads.submit(client.get, path) for path in READS]
        sent += [
            threads.submit(client.post, "/v1/actors", json=actor(slug)),
            threads.submit(client.post, "/v1/actors", json=actor(slug), params={"dry_run": "1"}),
            threads.submit(client.post, "/v1/endpoints", json={"url": "http://127.0.0.1/"}),
            threads.submit(client.post, "/v1/batch", content=batch, headers=NDJSON),
        ]
    return [answer.result() for answer in sent]


def code_of(answer: Response) -> str:
    """The code of a problem, or of that of a batch's only line; else its status."""
    body = answer.json() if "json" in answer.headers["Content-Type"] else {}
    problem = body.get("problem", body)
    return str(problem.get("type", answer.status_code)).rpartition("/")[2]


@pytest.mark.parametrize(
    ("kind", "key_age"),
    [("backends", 1_000), ("server", 1_000), ("server", 0)],
    ids=["backends", "server", "server and keys to be read"],
)
def test_every_request_is_answered_while_the_database_is_frozen_and_no_connection_is_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch, kind: str, key_age: int
) -> None:
    monkeypatch.setattr(deadlines, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(key_cache, "FRESH", key_age)
    monkeypatch.setattr(key_cache, "MAX_AGE", key_age)
    # logs are captured, as their tracebacks would take seconds of the event loop
    with capture_logs(), opened_pools() as pools, run_api(store.url) as client:
        post(client, "/v1/actors", actor("ann"))
        store.sweep()
        send_all(client)  # each pool has a connection then, and so has the writer
        processes = backends(store.url)
        if kind == "server":
            postmaster = processes[0].parent()
            assert postmaster is not None
            processes = [postmaster, *postmaster.children()]
        with frozen(processes):
            answers = send_all(client)
        codes = {code_of(answer) for answer in answers}
        if kind == "server":
            assert {503} == {answer.status_code for answer in answers[: len(READS)]}
            assert codes <= {*CODES, "503"}, codes
        assert CODES & codes
        for answer in answers:
            assert answer.status_code != 503 or "Retry-After" in answer.headers

        def works() -> bool:
            store.sweep()
            return not {*CODES, "503"} & {code_of(answer) for answer in send_all(client)}

        until(works, "all requests are answered as before")
        until(lambda: not any(missing_connections(pools).values()), "all pools are whole")
        assert all(pool.get_stats()["pool_size"] <= pool.max_size for pool in pools)
        post(client, "/v1/actors", actor(f"a{uuid4().hex}"))
