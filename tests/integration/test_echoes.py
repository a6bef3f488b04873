"""Tests that erased sections leave the log of a receiver that answers with what it was sent."""

import threading

import orjson
from httpx2 import Client

from tests.support import bodies, webhooks
from tests.support.processes import until
from tests.support.receiver import Answer, ReceivedRequest, run_receiver
from tests.support.store import Store
from tests.support.webhooks import create_endpoint, deliveries, wait_until_settled

ERASURE = {"sections": ["content"], "ground": "gdpr-17"}
WORDS = "ready to talk"


def echo(request: ReceivedRequest) -> Answer:
    """The words of a statement, or of those under a position."""
    data = request.json["data"]
    return 200, {}, orjson.dumps([said["text"] for said in data.get("statements", [data])])


TYPES = ["statement.made", "position.changed", "position.retracted"]
WITH_POSITION = bodies.statement(positions=[bodies.additional_position()])


def test_an_erasure_clears_logged_answers(client: Client, store: Store) -> None:
    bodies.register_all(client)
    with run_receiver(echo) as receiver, webhooks.run_deliverer(store.url) as deliverer:
        endpoint = create_endpoint(client, receiver.url(), types=TYPES)
        erased = bodies.post(client, "/v1/statements", WITH_POSITION)
        position = erased["positions"][0]
        retracted = bodies.post(client, f"/v1/positions/{position}/retraction", bodies.retraction())
        other = bodies.post(client, "/v1/statements", bodies.statement())
        store.fan_out()
        deliverer.wake()
        wait_until_settled(client, endpoint["id"])
        log = deliveries(client, endpoint["id"])
        assert all(WORDS in delivery["attempts"][0]["answer"] for delivery in log)
        bodies.post(client, f"/v1/statements/{erased['id']}/erasure", ERASURE)
        store.fan_out()
        log = deliveries(client, endpoint["id"])
        answers = {delivery["event"]: delivery["attempts"][0]["answer"] for delivery in log}
    assert [None] * 3 == [
        answers[event] for event in (erased["event"], position, retracted["event"])
    ]
    assert WORDS in answers[other["event"]]


def test_the_answer_to_an_event_erased_during_the_attempt_is_not_logged(
    client: Client, store: Store
) -> None:
    gate = threading.Event()

    def late(request: ReceivedRequest) -> Answer:
        gate.wait(120)
        return echo(request)

    bodies.register_all(client)
    with run_receiver(late) as receiver, webhooks.run_deliverer(store.url) as deliverer:
        endpoint = create_endpoint(client, receiver.url(), types=TYPES)
        erased = bodies.post(client, "/v1/statements", WITH_POSITION)
        store.fan_out()
        deliverer.wake()
        until(lambda: len(receiver.requests) == 2, "both are being sent")
        bodies.post(client, f"/v1/statements/{erased['id']}/erasure", ERASURE)
        store.fan_out()
        gate.set()
        wait_until_settled(client, endpoint["id"])
        statement, position = deliveries(client, endpoint["id"])
    assert statement["attempts"][0]["answer"] is None
    assert position["attempts"][0]["answer"] is None
