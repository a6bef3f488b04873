"""Does every event reach every endpoint when the clock is set forward and back?

Real processes and a PostgreSQL whose clock this test sets; a real receiver.
"""

import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from onrecord.kit.postgres import embedded
from tests.support import webhooks
from tests.support.clusters import ask, hush, reachable_folder
from tests.support.processes import deployment, until
from tests.support.receiver import ReceivedRequest, run_receiver
from tests.support.stepped_clock import stepped_clock

HOUR = 3600

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="other systems do not preload a library into PostgreSQL"
)


def test_a_clock_that_is_set_forward_and_back_holds_no_delivery_up(tmp_path: Path) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(reachable_folder())
        there = stack.enter_context(run_receiver())
        clock = stack.enter_context(stepped_clock(folder))
        postgres = stack.enter_context(embedded.running(folder / "data", say=hush))
        deployed = stack.enter_context(deployment(postgres.url, tmp_path, broker_url=None))
        deployed.start("local_api", "worker", "deliverer", "beat")
        client = stack.enter_context(webhooks.staged_client(deployed))
        gate, failing, hanging = threading.Event(), threading.Event(), threading.Event()
        stack.callback(gate.set)

        def answer(received: ReceivedRequest) -> int:
            if failing.is_set():
                return 500
            if hanging.is_set():
                gate.wait(30)
            return 204

        there.answer = answer
        made = webhooks.create_endpoint(client, there.url(), types=["position.changed"])

        def came(seqs: list[int], times: int = 1) -> None:
            until(lambda: all(there.seqs().count(one) >= times for one in seqs), "they came")

        # back: what is new is delivered all the same
        first = webhooks.record_positions(client, 3)
        came(first)
        clock.step(-HOUR)
        second = webhooks.record_positions(client, 3)
        came(second)

        # forward while some are in flight: their leases are over, and they are sent again
        hanging.set()
        third = webhooks.record_positions(client, 3)
        came(third)
        clock.step(+HOUR)
        came(third, times=2)
        hanging.clear()
        gate.set()
        webhooks.wait_until_settled(client, made["id"])

        # back while retries wait: they do not wait for the clock to come back to where it was
        failing.set()
        fourth = webhooks.record_positions(client, 3)
        came(fourth)
        webhooks.wait_until_settled(client, made["id"], "delivered", "pending")
        failing.clear()
        clock.step(0)
        logged = webhooks.assert_all_delivered(
            client, there, made["id"], first + second + third + fourth
        )
        (in_order,) = ask(
            postgres.url,
            "SELECT bool_and(ok) FROM (SELECT recorded_at >= lag(recorded_at) OVER (ORDER BY size)"
            " AS ok FROM ledger.commits) steps",
        )
    assert in_order == (True,)
    results = [[one["result"] for one in delivery["attempts"]] for delivery in logged]
    assert [["delivered"]] * 6 == results[:6]
    assert all("unknown" in one and one[-1] == "delivered" for one in results[6:9])
    assert all(one[0] == "failed" and one[-1] == "delivered" for one in results[9:])


def test_beat_keeps_its_pace_when_the_clock_is_set_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(reachable_folder())
        clock = stack.enter_context(stepped_clock(folder))
        postgres = stack.enter_context(embedded.running(folder / "data", say=hush))
        deployed = stack.enter_context(deployment(postgres.url, tmp_path, broker_url=None))
        deployed.start("local_api", "worker", "beat")

        def swept() -> list[tuple[object, ...]]:
            return ask(postgres.url, "SELECT at FROM projections.sweeps")

        until(lambda: bool(swept()), "a sweep came")
        clock.step(-HOUR)
        before = swept()
        until(lambda: swept() < before, "a sweep came at the earlier time")
