"""Tests that every event is delivered, and the log is correct, when processes die.

With real processes, signals and receivers. Leases are expired by hand instead of waiting for them.
A receiver may get an event twice, then under the same id.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from onrecord.kit.postgres import embedded
from tests.support.clusters import reachable_folder, silent
from tests.support.delivered import (
    assert_all_delivered,
    attempt_results,
    delivery_log,
    staged_client,
    subscribe,
)
from tests.support.processes import BROKER, Deployment, deployment, until
from tests.support.proxy import proxied
from tests.support.receiver import ReceivedRequest, Receiver, run_receiver
from tests.support.recording import record_positions
from tests.support.webhooks import run_sql

OUTAGE_SECONDS = 60.0
EXPIRE_LEASES = "UPDATE webhooks.deliveries SET lease_until = now() WHERE state = 'sending'"


@pytest.fixture
def deployed(database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(database_url, tmp_path) as deployed:
        deployed.start("local_api", "worker", "deliverer", "beat")
        yield deployed


def test_deliveries_in_flight_of_a_killed_deliverer_are_sent_again(
    deployed: Deployment, receiver: Receiver, database_url: str
) -> None:
    gate = threading.Event()

    def hang(_: ReceivedRequest) -> int:
        gate.wait(60)
        return 204

    receiver.answer = hang
    with staged_client(deployed) as client:
        endpoint = subscribe(client, receiver)
        seqs = record_positions(client, 12)
        until(lambda: len(receiver.requests) == 8, "eight are in flight")
        sending = delivery_log(client, endpoint, "sending")
        assert [["under way"]] * 8 == attempt_results(sending)
        deployed.kill("deliverer")
        receiver.answer = lambda _: 204
        gate.set()
        deployed.start("deliverer")
        run_sql(database_url, EXPIRE_LEASES)
        logged = assert_all_delivered(client, receiver, endpoint, seqs)
    assert [["unknown", "delivered"]] * 8 + [["delivered"]] * 4 == attempt_results(logged)


def test_a_delivery_not_recorded_before_a_kill_is_sent_again_under_its_id(
    deployed: Deployment, receiver: Receiver, database_url: str
) -> None:
    kills: list[int] = []

    def kill(_: ReceivedRequest) -> int:
        if len(kills) < 3:
            kills.append(1)
            deployed.kill("deliverer")
            killed.set()
        return 204

    killed = threading.Event()
    receiver.answer = kill
    with staged_client(deployed) as client:
        endpoint = subscribe(client, receiver, ordered=True)
        seqs = record_positions(client, 2)
        for _ in range(3):
            assert killed.wait(60)
            killed.clear()
            run_sql(database_url, EXPIRE_LEASES)
            deployed.start("deliverer")
        logged = assert_all_delivered(client, receiver, endpoint, seqs)
    assert [seqs[0]] * 4 + [seqs[1]] == receiver.seqs()
    assert ["unknown"] * 3 + ["delivered"] == attempt_results(logged)[0]


def test_no_delivery_is_lost_when_the_database_is_killed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(reachable_folder())
        receiver = stack.enter_context(run_receiver())
        first = ExitStack()
        postgres = first.enter_context(embedded.running_server(folder, echo=silent))
        deployed = stack.enter_context(
            deployment(postgres.superuser_url, tmp_path, broker_url=None)
        )
        deployed.start("local_api", "worker", "deliverer", "beat")
        client = stack.enter_context(staged_client(deployed))
        endpoint = subscribe(client, receiver)
        seqs = record_positions(client, 300)
        until(lambda: len(receiver.requests) > 20, "some have arrived")
        postgres.process.kill()
        postgres.process.wait()
        first.close()
        again = stack.enter_context(embedded.running_server(folder, echo=silent))
        assert again.superuser_url == postgres.superuser_url
        until(lambda: client.http.get("/readyz").is_success, "the APIs are ready again")
        run_sql(again.superuser_url, EXPIRE_LEASES)
        seqs += record_positions(client, 20)
        assert_all_delivered(client, receiver, endpoint, seqs)


@pytest.mark.skipif(BROKER is not None, reason="cuts PGMQ's connections; RabbitMQ's test is below")
def test_no_delivery_is_lost_when_pgmq_is_unreachable_for_a_minute(
    deployed: Deployment, receiver: Receiver, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:

        def cut() -> None:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'onrecord'"
            )

        deliver_without_a_broker(deployed, receiver, cut)


@pytest.mark.skipif(BROKER is None, reason="needs RabbitMQ: ONRECORD_TEST_BROKER_URL is not set")
def test_no_delivery_is_lost_when_rabbitmq_is_unreachable_for_a_minute(
    receiver: Receiver, database_url: str, tmp_path: Path
) -> None:
    assert BROKER is not None
    with (
        proxied(BROKER) as (proxy, near),
        deployment(database_url, tmp_path, broker_url=near) as deployed,
    ):
        deployed.start("local_api", "worker", "deliverer", "beat")
        deliver_without_a_broker(deployed, receiver, proxy.cut)


def deliver_without_a_broker(
    deployed: Deployment, receiver: Receiver, cut: Callable[[], None]
) -> None:
    """Write for a minute in which no connection to the broker lasts; everything is delivered."""
    with staged_client(deployed) as client:
        endpoint = subscribe(client, receiver)
        seqs = record_positions(client, 5)
        until(lambda: len(receiver.requests) == 5, "they arrived")
        end = time.monotonic() + OUTAGE_SECONDS
        while time.monotonic() < end:
            cut()
            if len(seqs) < 400:  # a page of the log lists 500 at most
                seqs += record_positions(client, 2)
            time.sleep(0.1)  # often enough to cut every new connection
        assert_all_delivered(client, receiver, endpoint, seqs)
