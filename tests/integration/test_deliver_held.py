"""Is what an endpoint must not be sent now held back, and sent when it may be?

Pauses, order, and what is asked of a receiver that fails. Real doors, a real deliverer and real
receivers over HTTP; where an hour must pass, it is taken out of the row that waits for it.
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
from tests.support.record import Record
from tests.support.webhooks import PROBE, SOON, deliveries, make, noted, positions, settled, sql


def test_a_pause_loses_nothing_and_resume_goes_on_in_order(
    client: Client, there: Receiver, tell: Callable[[], int]
) -> None:
    made = make(client, there.url(), types=["position.changed"], ordered=True)
    seqs = positions(client, 2)
    tell()
    settled(client, made["id"])
    paused = client.post(f"/v1/endpoints/{made['id']}/pause", json={"reason": "Moving."}).json()
    assert ("Moving.", "you") == (paused["paused"]["reason"], paused["paused"]["by"])
    seqs += positions(client, 700)
    tell()
    assert 2 == len(there.got)
    assert client.post(f"/v1/endpoints/{made['id']}/resume").json()["paused"] is None
    seqs += positions(client, 1)
    tell()
    until(lambda: len(there.got) == 703, "all came")
    assert seqs == there.seqs()


def test_410_pauses_and_what_it_refused_is_sent_when_it_resumes(
    client: Client, there: Receiver, tell: Callable[[], int]
) -> None:
    there.answer = lambda _: 410
    made = make(client, there.url(), types=["position.changed"])
    (first,) = positions(client, 1)
    tell()
    path = f"/v1/endpoints/{made['id']}"
    until(lambda: bodies.get(client, path)["paused"] is not None, "it is paused")
    paused = bodies.get(client, path)["paused"]
    assert ("onrecord", True) == (paused["by"], "410" in paused["reason"])
    (second,) = positions(client, 1)
    tell()
    there.answer = lambda _: 204
    client.post(f"{path}/resume")
    tell()
    settled(client, made["id"])
    assert Counter({first: 2, second: 1}) == Counter(there.seqs())


def test_five_days_without_a_success_pause(
    client: Client, on_record: Record, there: Receiver, tell: Callable[[], int]
) -> None:
    there.answer = lambda _: 500
    made = make(client, there.url(), types=["position.changed"])
    path = f"/v1/endpoints/{made['id']}"
    positions(client, 1)
    tell()
    until(lambda: bodies.get(client, path)["failing_since"] is not None, "it fails")
    assert bodies.get(client, path)["paused"] is None
    sql(on_record.url, "UPDATE webhooks.endpoints SET failing_since = now() - interval '5 days'")
    sql(on_record.url, SOON)
    tell()
    until(lambda: bodies.get(client, path)["paused"] is not None, "it is paused")
    assert "five days" in bodies.get(client, path)["paused"]["reason"]
    told = client.get("/metrics").text
    assert 'onrecord_webhook_endpoints_paused{by="onrecord"} 1.0' in told
    assert 'onrecord_webhook_attempts_total{result="failed"} 2.0' in told


def test_an_ordered_endpoint_holds_back_what_comes_after_a_failure(
    client: Client, on_record: Record, there: Receiver, tell: Callable[[], int]
) -> None:
    there.answer = lambda _: 500
    made = make(client, there.url(), types=["position.changed"], ordered=True)
    seqs = positions(client, 3)
    tell()
    noted(client, made["id"])
    first, *others = deliveries(client, made["id"])
    assert (None, [first["id"]] * 2) == (first["held_by"], [one["held_by"] for one in others])
    sql(on_record.url, f"UPDATE webhooks.deliveries SET tries = 9 WHERE id = {first['id']}")
    sql(on_record.url, SOON)
    tell()
    path = f"/v1/endpoints/{made['id']}"
    until(lambda: bodies.get(client, path)["paused"] is not None, "it is paused")
    assert [seqs[0]] * 2 == there.seqs()
    there.answer = lambda _: 204
    client.post(f"{path}/resume")
    tell()
    settled(client, made["id"])
    assert [seqs[0], *seqs] == there.seqs()[1:]


def test_at_most_eight_are_in_flight_for_one_endpoint(
    client: Client, on_record: Record, there: Receiver, tell: Callable[[], int]
) -> None:
    gate, inside, most = threading.Event(), [], []

    def hang(_: Any) -> int:
        inside.append(1)
        most.append(len(inside))
        gate.wait(20)
        inside.pop()
        return 204

    there.answer = hang
    made = make(client, there.url(), types=["position.changed"])
    positions(client, 30)
    with webhooks.delivering(on_record.url) as another:
        tell()
        another.wake()
        until(lambda: len(there.got) == 8, "eight are there")
        time.sleep(0.3)  # a ninth would have come by now: both look ten times in this while
        assert 8 == len(there.got)
        gate.set()
        settled(client, made["id"])
    assert (30, 8) == (len(there.got), max(most))


def test_an_endpoint_that_fails_gets_one_probe_at_a_time(
    client: Client, on_record: Record, there: Receiver, tell: Callable[[], int]
) -> None:
    there.answer = lambda _: 500
    made = make(client, there.url(), types=["position.changed"])
    positions(client, 40)
    tell()
    path = f"/v1/endpoints/{made['id']}"
    until(lambda: bodies.get(client, path)["failures"] >= 5, "it is known to fail")
    until(lambda: not deliveries(client, made["id"], state="sending"), "nothing is in flight")
    tried = len(there.got)
    assert tried <= 5 + 8
    there.answer = lambda _: 204
    sql(on_record.url, PROBE)
    sql(on_record.url, SOON)
    tell()
    settled(client, made["id"])
    assert 40 == len({one.id for one in there.got})
    assert (0, None) == tuple(
        bodies.get(client, path)[name] for name in ("failures", "failing_since")
    )


def test_a_replay_sends_everything_again_in_order_and_counts(
    client: Client, on_record: Record, there: Receiver, tell: Callable[[], int]
) -> None:
    before = positions(client, 3)
    made = make(client, there.url(), types=["position.changed"])
    after = positions(client, 20)
    tell()
    settled(client, made["id"])
    asked = client.post(f"/v1/endpoints/{made['id']}/replay", json={"from_size": before[0]})
    assert (202, 23) == (asked.status_code, asked.json()["events"])
    again = client.post(f"/v1/endpoints/{made['id']}/replay", json={"from_size": 0})
    bodies.expect_problem(again, 409, "replay-running")

    def over() -> bool:
        tell()
        return bool(bodies.get(client, f"/v1/endpoints/{made['id']}")["replay"]["ended_at"])

    until(over, "the replay is over")
    assert before + after == there.seqs()[20:]
    replay = bodies.get(client, f"/v1/endpoints/{made['id']}")["replay"]
    assert (23, replay["to_size"]) == (replay["queued"], replay["at_size"])
    assert 20 == len([one for one in deliveries(client, made["id"]) if len(one["attempts"]) == 2])


def test_a_receiver_that_asks_to_be_left_alone_is_with_all_that_waits_for_it(
    client: Client, on_record: Record, there: Receiver, tell: Callable[[], int]
) -> None:
    there.answer = lambda _: (429, {"Retry-After": "3600"}, b"")
    made = make(client, there.url(), types=["position.changed"], ordered=True)
    other = make(client, there.url("/other"), types=["position.changed"])
    positions(client, 1)
    tell()
    first = noted(client, made["id"])
    positions(client, 3)
    tell()
    path = f"/v1/endpoints/{other['id']}"
    until(lambda: len(there.at("/other")) >= 1, "the other was asked once")
    assert 1 == len(there.at("/hook"))
    waits = datetime.fromisoformat(first["next_attempt_at"]) - datetime.fromisoformat(
        first["attempts"][0]["began_at"]
    )
    assert timedelta(minutes=59) < waits < timedelta(minutes=61)
    assert bodies.get(client, path)["failures"] >= 1
