"""Tests of deliveries that must wait: pauses, ordered endpoints, failing receivers, replays.

With the real APIs, deliverer and receivers over HTTP. Where an hour must pass, it is subtracted in
the row that waits for it.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from httpx2 import Client

from tests.support import bodies, webhooks
from tests.support.processes import until
from tests.support.receiver import Receiver
from tests.support.store import Store
from tests.support.webhooks import (
    ALLOW_PROBES,
    MAKE_RETRIES_DUE,
    create_endpoint,
    deliveries,
    record_positions,
    run_sql,
    wait_for_attempts,
    wait_until_settled,
)


def test_a_pause_loses_nothing_and_resume_continues_in_order(
    client: Client, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"], ordered=True)
    seqs = record_positions(client, 2)
    deliver()
    wait_until_settled(client, endpoint["id"])
    paused = client.post(f"/v1/endpoints/{endpoint['id']}/pause", json={"reason": "Moving."}).json()
    assert ("Moving.", "you") == (paused["paused"]["reason"], paused["paused"]["by"])
    seqs += record_positions(client, 700)
    deliver()
    assert 2 == len(receiver.requests)
    assert client.post(f"/v1/endpoints/{endpoint['id']}/resume").json()["paused"] is None
    seqs += record_positions(client, 1)
    deliver()
    until(lambda: len(receiver.requests) == 703, "all arrived")
    assert seqs == receiver.seqs()


def test_410_pauses_the_endpoint_and_its_delivery_is_sent_after_resume(
    client: Client, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    receiver.answer = lambda _: 410
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])
    (first,) = record_positions(client, 1)
    deliver()
    path = f"/v1/endpoints/{endpoint['id']}"
    until(lambda: bodies.get(client, path)["paused"] is not None, "it is paused")
    paused = bodies.get(client, path)["paused"]
    assert ("onrecord", True) == (paused["by"], "410" in paused["reason"])
    (second,) = record_positions(client, 1)
    deliver()
    receiver.answer = lambda _: 204
    client.post(f"{path}/resume")
    deliver()
    wait_until_settled(client, endpoint["id"])
    assert Counter({first: 2, second: 1}) == Counter(receiver.seqs())


def test_five_days_without_a_success_pause_the_endpoint(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    receiver.answer = lambda _: 500
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])
    path = f"/v1/endpoints/{endpoint['id']}"
    record_positions(client, 1)
    deliver()
    until(lambda: bodies.get(client, path)["failing_since"] is not None, "it fails")
    assert bodies.get(client, path)["paused"] is None
    run_sql(store.url, "UPDATE webhooks.endpoints SET failing_since = now() - interval '5 days'")
    run_sql(store.url, MAKE_RETRIES_DUE)
    deliver()
    until(lambda: bodies.get(client, path)["paused"] is not None, "it is paused")
    assert "five days" in bodies.get(client, path)["paused"]["reason"]
    metrics = client.get("/metrics").text
    assert 'onrecord_webhook_endpoints_paused{by="onrecord"} 1.0' in metrics
    assert 'onrecord_webhook_attempts_total{result="failed"} 2.0' in metrics


def test_a_failure_holds_back_later_deliveries_of_an_ordered_endpoint(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    receiver.answer = lambda _: 500
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"], ordered=True)
    seqs = record_positions(client, 3)
    deliver()
    wait_for_attempts(client, endpoint["id"])
    first, *others = deliveries(client, endpoint["id"])
    assert (None, [first["id"]] * 2) == (
        first["held_by"],
        [delivery["held_by"] for delivery in others],
    )
    run_sql(store.url, f"UPDATE webhooks.deliveries SET tries = 9 WHERE id = {first['id']}")
    run_sql(store.url, MAKE_RETRIES_DUE)
    deliver()
    path = f"/v1/endpoints/{endpoint['id']}"
    until(lambda: bodies.get(client, path)["paused"] is not None, "it is paused")
    assert [seqs[0]] * 2 == receiver.seqs()
    receiver.answer = lambda _: 204
    client.post(f"{path}/resume")
    deliver()
    wait_until_settled(client, endpoint["id"])
    assert [seqs[0], *seqs] == receiver.seqs()[1:]


def test_at_most_eight_deliveries_are_in_flight_for_an_endpoint(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    gate, in_flight, counts = threading.Event(), [], []

    def hang(_: Any) -> int:
        in_flight.append(1)
        counts.append(len(in_flight))
        gate.wait(120)
        in_flight.pop()
        return 204

    receiver.answer = hang
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])
    record_positions(client, 30)
    with webhooks.run_deliverer(store.url) as another:
        deliver()
        another.wake()
        until(lambda: len(receiver.requests) == 8, "eight are in flight")
        time.sleep(0.3)  # nothing to await: a ninth would arrive within a few claims
        assert 8 == len(receiver.requests)
        gate.set()
        wait_until_settled(client, endpoint["id"])
    assert (30, 8) == (len(receiver.requests), max(counts))


def test_a_failing_endpoint_is_probed_with_one_delivery_at_a_time(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    receiver.answer = lambda _: 500
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])
    record_positions(client, 40)
    deliver()
    path = f"/v1/endpoints/{endpoint['id']}"
    until(lambda: bodies.get(client, path)["failures"] >= 5, "it is probed")
    until(lambda: not deliveries(client, endpoint["id"], state="sending"), "nothing is in flight")
    tried = len(receiver.requests)
    assert tried <= 5 + 8
    receiver.answer = lambda _: 204
    run_sql(store.url, ALLOW_PROBES)
    run_sql(store.url, MAKE_RETRIES_DUE)
    deliver()
    wait_until_settled(client, endpoint["id"])
    assert 40 == len({request.id for request in receiver.requests})
    assert (0, None) == tuple(
        bodies.get(client, path)[name] for name in ("failures", "failing_since")
    )


def test_a_replay_sends_everything_again_in_order_and_reports_progress(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    before = record_positions(client, 3)
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])
    after = record_positions(client, 20)
    deliver()
    wait_until_settled(client, endpoint["id"])
    started = client.post(f"/v1/endpoints/{endpoint['id']}/replay", json={"from_size": before[0]})
    assert (202, 23) == (started.status_code, started.json()["events"])
    again = client.post(f"/v1/endpoints/{endpoint['id']}/replay", json={"from_size": 0})
    bodies.expect_problem(again, 409, "replay-running")

    def over() -> bool:
        deliver()
        return bool(bodies.get(client, f"/v1/endpoints/{endpoint['id']}")["replay"]["ended_at"])

    until(over, "the replay is over")
    assert before + after == receiver.seqs()[20:]
    replay = bodies.get(client, f"/v1/endpoints/{endpoint['id']}")["replay"]
    assert (23, replay["to_size"]) == (replay["queued"], replay["at_size"])
    log = deliveries(client, endpoint["id"])
    assert 20 == len([delivery for delivery in log if len(delivery["attempts"]) == 2])


def test_retry_after_holds_back_all_deliveries_of_the_endpoint(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    receiver.answer = lambda _: (429, {"Retry-After": "3600"}, b"")
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"], ordered=True)
    other = create_endpoint(client, receiver.url("/other"), types=["position.changed"])
    record_positions(client, 1)
    deliver()
    first = wait_for_attempts(client, endpoint["id"])
    record_positions(client, 3)
    deliver()
    path = f"/v1/endpoints/{other['id']}"
    until(lambda: len(receiver.at("/other")) >= 1, "the other endpoint got a request")
    assert 1 == len(receiver.at("/hook"))
    waits = datetime.fromisoformat(first["next_attempt_at"]) - datetime.fromisoformat(
        first["attempts"][0]["began_at"]
    )
    assert timedelta(minutes=59) < waits < timedelta(minutes=61)
    assert bodies.get(client, path)["failures"] >= 1
