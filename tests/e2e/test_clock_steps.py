"""Tests that steps of the clock, forward and back, delay no delivery and no sweep.

With real processes, a receiver, and a PostgreSQL whose clock the tests set.
"""

import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from onrecord.client import endpoints
from onrecord.kit.postgres import embedded
from onrecord.kit.sql import migrations
from onrecord.webhooks.api.requests import EndpointIn
from tests.support.clusters import ask, reachable_folder, silent
from tests.support.delivered import (
    assert_all_delivered,
    attempt_results,
    staged_client,
    subscribe,
    wait_until_settled,
)
from tests.support.processes import deployment, until
from tests.support.receiver import ReceivedRequest, run_receiver
from tests.support.recording import record_positions
from tests.support.stepped_clock import stepped_clock
from tests.support.store import open_store, run_typed_api

HOUR = 3600

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="other systems do not preload a library into PostgreSQL"
)


def test_no_delivery_is_delayed_when_the_clock_is_set_forward_and_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(reachable_folder())
        receiver = stack.enter_context(run_receiver())
        clock = stack.enter_context(stepped_clock(folder))
        postgres = stack.enter_context(embedded.running_server(folder / "data", echo=silent))
        deployed = stack.enter_context(
            deployment(postgres.superuser_url, tmp_path, broker_url=None)
        )
        deployed.start("local_api", "worker", "deliverer", "beat")
        client = stack.enter_context(staged_client(deployed))
        gate, failing, hanging = threading.Event(), threading.Event(), threading.Event()
        stack.callback(gate.set)

        def answer(_: ReceivedRequest) -> int:
            if failing.is_set():
                return 500
            if hanging.is_set():
                gate.wait(120)
            return 204

        receiver.answer = answer
        endpoint = subscribe(client, receiver)

        def wait_for(seqs: list[int], times: int = 1) -> None:
            until(lambda: all(receiver.seqs().count(seq) >= times for seq in seqs), "they arrived")

        # back: new events are delivered at once
        first = record_positions(client, 3)
        wait_for(first)
        clock.step(-HOUR)
        second = record_positions(client, 3)
        wait_for(second)

        # forward during attempts: their leases expire, and the deliveries are sent again
        hanging.set()
        third = record_positions(client, 3)
        wait_for(third)
        clock.step(+HOUR)
        wait_for(third, times=2)
        hanging.clear()
        gate.set()
        wait_until_settled(client, endpoint)

        # back while retries wait: they do not wait until the clock is where it was
        failing.set()
        fourth = record_positions(client, 3)
        wait_for(fourth)
        wait_until_settled(client, endpoint, "delivered", "pending")
        failing.clear()
        clock.step(0)
        logged = assert_all_delivered(client, receiver, endpoint, first + second + third + fourth)
        (in_order,) = ask(
            postgres.superuser_url,
            "SELECT bool_and(ok) FROM (SELECT recorded_at >= lag(recorded_at) OVER (ORDER BY size)"
            " AS ok FROM ledger.commits) steps",
        )
    assert in_order == (True,)
    results = attempt_results(logged)
    assert [["delivered"]] * 6 == results[:6]
    assert all("unknown" in result and result[-1] == "delivered" for result in results[6:9])
    assert all(result[0] == "failed" and result[-1] == "delivered" for result in results[9:])


def test_beat_keeps_its_interval_when_the_clock_is_set_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(reachable_folder())
        clock = stack.enter_context(stepped_clock(folder))
        postgres = stack.enter_context(embedded.running_server(folder / "data", echo=silent))
        deployed = stack.enter_context(
            deployment(postgres.superuser_url, tmp_path, broker_url=None)
        )
        deployed.start("local_api", "worker", "beat")

        def last_sweep() -> list[tuple[object, ...]]:
            return ask(postgres.superuser_url, "SELECT at FROM projections.sweeps")

        until(lambda: bool(last_sweep()), "a sweep ran")
        clock.step(-HOUR)
        before = last_sweep()
        until(lambda: last_sweep() < before, "a sweep ran at the earlier time")


def test_an_old_secret_is_deleted_when_its_overlap_ends(tmp_path: Path) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(reachable_folder())
        clock = stack.enter_context(stepped_clock(folder))
        postgres = stack.enter_context(embedded.running_server(folder / "data", echo=silent))
        migrations.upgrade(postgres.superuser_url)
        store = stack.enter_context(open_store(postgres.superuser_url))
        client = stack.enter_context(run_typed_api(store.url))
        somewhere = EndpointIn(url="https://hooks.example/")
        rotated, other = (client.send(endpoints.create_endpoint(somewhere)).id for _ in range(2))
        client.send(endpoints.rotate_secret(rotated))

        def stored() -> list[tuple[object, ...]]:
            return ask(
                store.url,
                "SELECT encrypted_old_secret IS NULL, old_until IS NULL FROM webhooks.endpoints"
                f" WHERE id = '{rotated}'",
            )

        clock.step(23 * HOUR)
        store.purge()
        assert [(False, False)] == stored()
        clock.step(24 * HOUR + 60)
        store.purge()
        assert [(True, True)] == stored()
        for id_ in (rotated, other):
            assert client.send(endpoints.get_endpoint(id_)).secret_overlap_until is None
