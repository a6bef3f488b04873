"""Tests that erased sections leave the log of a receiver that answers with what it was sent."""

import threading

import orjson
from httpx2 import Client

from tests.support import bodies, webhooks
from tests.support.processes import until
from tests.support.receiver import Answer, ReceivedRequest, run_receiver
from tests.support.record import Record
from tests.support.webhooks import create_endpoint, deliveries, wait_until_settled

ERASURE = {"sections": ["content"], "ground": "gdpr-17"}
WORDS = "ready to talk"


def echo(request: ReceivedRequest) -> Answer:
    return 200, {}, orjson.dumps(request.json["data"]["payload"].get("content"))


def test_an_erasure_clears_logged_answers(client: Client, on_record: Record) -> None:
    bodies.register_all(client)
    with run_receiver(echo) as receiver, webhooks.run_deliverer(on_record.url) as deliverer:
        endpoint = create_endpoint(client, receiver.url(), types=["statement.made"])
        erased = bodies.post(client, "/v1/statements", bodies.statement())
        other = bodies.post(client, "/v1/statements", bodies.statement())
        on_record.fan_out()
        deliverer.wake()
        wait_until_settled(client, endpoint["id"])
        log = deliveries(client, endpoint["id"])
        assert all(WORDS in delivery["attempts"][0]["answer"] for delivery in log)
        bodies.post(client, f"/v1/statements/{erased['id']}/erasure", ERASURE)
        on_record.fan_out()
        log = deliveries(client, endpoint["id"])
        answers = {delivery["event"]: delivery["attempts"][0]["answer"] for delivery in log}
    assert answers[erased["event"]] is None
    assert WORDS in answers[other["event"]]


def test_the_answer_to_an_event_erased_during_the_attempt_is_not_logged(
    client: Client, on_record: Record
) -> None:
    gate = threading.Event()

    def late(request: ReceivedRequest) -> Answer:
        gate.wait(10)
        return echo(request)

    bodies.register_all(client)
    with run_receiver(late) as receiver, webhooks.run_deliverer(on_record.url) as deliverer:
        endpoint = create_endpoint(client, receiver.url(), types=["statement.made"])
        erased = bodies.post(client, "/v1/statements", bodies.statement())
        on_record.fan_out()
        deliverer.wake()
        until(lambda: len(receiver.requests) == 1, "it is being sent")
        bodies.post(client, f"/v1/statements/{erased['id']}/erasure", ERASURE)
        on_record.fan_out()
        gate.set()
        wait_until_settled(client, endpoint["id"])
        (delivery,) = deliveries(client, endpoint["id"])
    assert delivery["attempts"][0]["answer"] is None
