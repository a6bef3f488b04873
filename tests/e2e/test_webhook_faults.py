"""Does every event reach every endpoint, and is the log true, when processes die?

Real processes, real signals, a real receiver. What a lease makes a deliverer wait for is taken out
of the row. A receiver may get an event twice, and then under one id.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from onrecord.kit import local_postgres
from tests.support import bodies, webhooks
from tests.support.clusters import hush, reachable_folder
from tests.support.processes import BROKER, Deployment, deployment, until
from tests.support.receiver import Received, Receiver, receiver

EXPIRED = "UPDATE webhooks.deliveries SET lease_until = now() WHERE state = 'sending'"


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def deployed(database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(database_url, tmp_path) as made:
        made.start("local_api", "worker", "deliverer", "beat")
        yield made


@contextmanager
def door(deployed: Deployment) -> Iterator[httpx2.Client]:
    """The API, with actors and topics on record."""
    with httpx2.Client(base_url=deployed.address, timeout=60) as client:
        bodies.stage(client)
        yield client


def assert_true(
    client: httpx2.Client, there: Receiver, endpoint: str, seqs: list[int]
) -> list[dict[str, Any]]:
    """Every event came, each under one id, and the log has an attempt for each that came."""
    until(lambda: set(seqs) <= set(there.seqs()), "every event has come", seconds=60)
    webhooks.settled(client, endpoint)
    assert set(seqs) == set(there.seqs())
    assert len(seqs) == len({one.id for one in there.got})
    logged = webhooks.deliveries(client, endpoint)
    assert seqs == [one["seq"] for one in logged]
    assert {"delivered"} == {one["attempts"][-1]["result"] for one in logged}
    came = Counter(one.id for one in there.got)
    for one in logged:
        assert came[one["event"]] <= len(one["attempts"])
    return logged


def test_a_deliverer_killed_while_receivers_hang_leaves_what_is_sent_again(
    deployed: Deployment, there: Receiver, database_url: str
) -> None:
    gate = threading.Event()

    def hang(_: Received) -> int:
        gate.wait(60)
        return 204

    there.answer = hang
    with door(deployed) as client:
        made = webhooks.make(client, there.url(), types=["position.changed"])
        seqs = webhooks.positions(client, 12)
        until(lambda: len(there.got) == 8, "eight are in flight")
        under_way = webhooks.deliveries(client, made["id"], state="sending")
        assert ["under way"] * 8 == [one["attempts"][-1]["result"] for one in under_way]
        deployed.kill("deliverer")
        there.answer = lambda _: 204
        gate.set()
        deployed.start("deliverer")
        webhooks.sql(database_url, EXPIRED)
        logged = assert_true(client, there, made["id"], seqs)
    results = [[one["result"] for one in delivery["attempts"]] for delivery in logged]
    assert [["unknown", "delivered"]] * 8 + [["delivered"]] * 4 == results


def test_a_deliverer_killed_between_post_and_record_sends_again_under_the_same_id(
    deployed: Deployment, there: Receiver, database_url: str
) -> None:
    kills: list[int] = []

    def kill(_: Received) -> int:
        if len(kills) < 3:
            kills.append(1)
            deployed.kill("deliverer")
            killed.set()
        return 204

    killed = threading.Event()
    there.answer = kill
    with door(deployed) as client:
        made = webhooks.make(client, there.url(), types=["position.changed"], ordered=True)
        seqs = webhooks.positions(client, 2)
        for _ in range(3):
            assert killed.wait(30)
            killed.clear()
            webhooks.sql(database_url, EXPIRED)
            deployed.start("deliverer")
        logged = assert_true(client, there, made["id"], seqs)
    assert [seqs[0]] * 4 + [seqs[1]] == there.seqs()
    assert ["unknown"] * 3 + ["delivered"] == [one["result"] for one in logged[0]["attempts"]]


def test_a_database_that_is_killed_under_load_loses_no_delivery(tmp_path: Path) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(reachable_folder())
        there = stack.enter_context(receiver())
        first = ExitStack()
        postgres = first.enter_context(local_postgres.running(folder, say=hush))
        deployed = stack.enter_context(deployment(postgres.url, tmp_path, broker_url=None))
        deployed.start("local_api", "worker", "deliverer", "beat")
        client = stack.enter_context(door(deployed))
        made = webhooks.make(client, there.url(), types=["position.changed"])
        seqs = webhooks.positions(client, 300)
        until(lambda: len(there.got) > 20, "some have come")
        postgres.process.kill()
        postgres.process.wait()
        first.close()
        again = stack.enter_context(local_postgres.running(folder, say=hush))
        assert again.url == postgres.url
        until(lambda: client.get("/readyz").status_code == 200, "the doors are open again")
        webhooks.sql(again.url, EXPIRED)
        seqs += webhooks.positions(client, 20)
        assert_true(client, there, made["id"], seqs)


@pytest.mark.skipif(BROKER is not None, reason="cuts PGMQ's connections")
def test_a_broker_that_cannot_be_kept_costs_no_delivery(
    deployed: Deployment, there: Receiver, database_url: str
) -> None:
    with door(deployed) as client, psycopg.connect(database_url, autocommit=True) as conn:
        made = webhooks.make(client, there.url(), types=["position.changed"])
        seqs = webhooks.positions(client, 5)
        until(lambda: len(there.got) == 5, "they came")
        for _ in range(30):  # whoever comes back is cut off again
            conn.execute(
                "SELECT pg_terminate_backend(pid), pg_sleep(0.1) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'onrecord'"
            )
            seqs += webhooks.positions(client, 2)
        assert_true(client, there, made["id"], seqs)
