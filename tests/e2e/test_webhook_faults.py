"""Does every event reach every endpoint, and is the log true, when processes die?

Real processes, real signals, a real receiver. What a lease makes a deliverer wait for is taken out
of the row. A receiver may get an event twice, and then under one id.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from onrecord.kit.postgres import embedded
from tests.support import webhooks
from tests.support.clusters import hush, reachable_folder
from tests.support.processes import BROKER, Deployment, deployment, until
from tests.support.proxy import proxied
from tests.support.receiver import ReceivedRequest, Receiver, run_receiver
from tests.support.webhooks import assert_all_delivered, staged_client

MINUTE = 60.0
EXPIRED = "UPDATE webhooks.deliveries SET lease_until = now() WHERE state = 'sending'"


@pytest.fixture
def deployed(database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(database_url, tmp_path) as made:
        made.start("local_api", "worker", "deliverer", "beat")
        yield made


def test_a_deliverer_killed_while_receivers_hang_leaves_what_is_sent_again(
    deployed: Deployment, there: Receiver, database_url: str
) -> None:
    gate = threading.Event()

    def hang(_: ReceivedRequest) -> int:
        gate.wait(60)
        return 204

    there.answer = hang
    with staged_client(deployed) as client:
        made = webhooks.create_endpoint(client, there.url(), types=["position.changed"])
        seqs = webhooks.record_positions(client, 12)
        until(lambda: len(there.requests) == 8, "eight are in flight")
        under_way = webhooks.deliveries(client, made["id"], state="sending")
        assert ["under way"] * 8 == [one["attempts"][-1]["result"] for one in under_way]
        deployed.kill("deliverer")
        there.answer = lambda _: 204
        gate.set()
        deployed.start("deliverer")
        webhooks.run_sql(database_url, EXPIRED)
        logged = assert_all_delivered(client, there, made["id"], seqs)
    results = [[one["result"] for one in delivery["attempts"]] for delivery in logged]
    assert [["unknown", "delivered"]] * 8 + [["delivered"]] * 4 == results


def test_a_deliverer_killed_between_post_and_record_sends_again_under_the_same_id(
    deployed: Deployment, there: Receiver, database_url: str
) -> None:
    kills: list[int] = []

    def kill(_: ReceivedRequest) -> int:
        if len(kills) < 3:
            kills.append(1)
            deployed.kill("deliverer")
            killed.set()
        return 204

    killed = threading.Event()
    there.answer = kill
    with staged_client(deployed) as client:
        made = webhooks.create_endpoint(
            client, there.url(), types=["position.changed"], ordered=True
        )
        seqs = webhooks.record_positions(client, 2)
        for _ in range(3):
            assert killed.wait(30)
            killed.clear()
            webhooks.run_sql(database_url, EXPIRED)
            deployed.start("deliverer")
        logged = assert_all_delivered(client, there, made["id"], seqs)
    assert [seqs[0]] * 4 + [seqs[1]] == there.seqs()
    assert ["unknown"] * 3 + ["delivered"] == [one["result"] for one in logged[0]["attempts"]]


def test_a_database_that_is_killed_under_load_loses_no_delivery(tmp_path: Path) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(reachable_folder())
        there = stack.enter_context(run_receiver())
        first = ExitStack()
        postgres = first.enter_context(embedded.running(folder, say=hush))
        deployed = stack.enter_context(deployment(postgres.url, tmp_path, broker_url=None))
        deployed.start("local_api", "worker", "deliverer", "beat")
        client = stack.enter_context(staged_client(deployed))
        made = webhooks.create_endpoint(client, there.url(), types=["position.changed"])
        seqs = webhooks.record_positions(client, 300)
        until(lambda: len(there.requests) > 20, "some have come")
        postgres.process.kill()
        postgres.process.wait()
        first.close()
        again = stack.enter_context(embedded.running(folder, say=hush))
        assert again.url == postgres.url
        until(lambda: client.get("/readyz").status_code == 200, "the doors are open again")
        webhooks.run_sql(again.url, EXPIRED)
        seqs += webhooks.record_positions(client, 20)
        assert_all_delivered(client, there, made["id"], seqs)


@pytest.mark.skipif(BROKER is not None, reason="cuts PGMQ's connections; RabbitMQ's test is below")
def test_queues_in_postgresql_that_are_gone_for_a_minute_cost_no_delivery(
    deployed: Deployment, there: Receiver, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:

        def cut() -> None:  # whoever has come back
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'onrecord'"
            )

        deliver_without_a_broker(deployed, there, cut)


@pytest.mark.skipif(BROKER is None, reason="needs RabbitMQ: ONRECORD_TEST_BROKER_URL is not set")
def test_rabbitmq_that_is_gone_for_a_minute_costs_no_delivery(
    there: Receiver, database_url: str, tmp_path: Path
) -> None:
    assert BROKER is not None
    with (
        proxied(BROKER) as (proxy, near),
        deployment(database_url, tmp_path, broker_url=near) as deployed,
    ):
        deployed.start("local_api", "worker", "deliverer", "beat")
        deliver_without_a_broker(deployed, there, proxy.cut)


def deliver_without_a_broker(
    deployed: Deployment, there: Receiver, cut: Callable[[], None]
) -> None:
    """Write for a minute in which no connection to the broker lasts, and see everything come."""
    with staged_client(deployed) as client:
        made = webhooks.create_endpoint(client, there.url(), types=["position.changed"])
        seqs = webhooks.record_positions(client, 5)
        until(lambda: len(there.requests) == 5, "they came")
        over = time.monotonic() + MINUTE
        while time.monotonic() < over:
            cut()
            if len(seqs) < 400:  # the log shows 500 at once
                seqs += webhooks.record_positions(client, 2)
            time.sleep(0.1)  # at this pace whoever comes back is cut off again
        assert_all_delivered(client, there, made["id"], seqs)
