"""Are words that were erased gone from the log of a receiver that answers with what it is sent?"""

import threading

import orjson
from httpx2 import Client

from tests.support import bodies, webhooks
from tests.support.processes import until
from tests.support.receiver import Answer, Received, receiver
from tests.support.record import Record
from tests.support.webhooks import deliveries, make, settled

ERASURE = {"sections": ["content"], "ground": "gdpr-17"}
WORDS = "ready to talk"


def echo(got: Received) -> Answer:
    return 200, {}, orjson.dumps(got.json["data"]["payload"].get("content"))


def test_what_is_erased_goes_from_the_answers_that_were_kept(
    client: Client, on_record: Record
) -> None:
    bodies.register_all(client)
    with receiver(echo) as there, webhooks.delivering(on_record.url) as deliverer:
        made = make(client, there.url(), types=["statement.made"])
        told = bodies.post(client, "/v1/statements", bodies.statement())
        other = bodies.post(client, "/v1/statements", bodies.statement())
        on_record.fan_out()
        deliverer.wake()
        settled(client, made["id"])
        assert all(WORDS in one["attempts"][0]["answer"] for one in deliveries(client, made["id"]))
        bodies.post(client, f"/v1/statements/{told['id']}/erasure", ERASURE)
        on_record.fan_out()
        answers = {
            one["event"]: one["attempts"][0]["answer"] for one in deliveries(client, made["id"])
        }
    assert answers[told["event"]] is None
    assert WORDS in answers[other["event"]]


def test_what_is_erased_while_it_is_under_way_is_not_kept(
    client: Client, on_record: Record
) -> None:
    gate = threading.Event()

    def late(got: Received) -> Answer:
        gate.wait(10)
        return echo(got)

    bodies.register_all(client)
    with receiver(late) as there, webhooks.delivering(on_record.url) as deliverer:
        made = make(client, there.url(), types=["statement.made"])
        told = bodies.post(client, "/v1/statements", bodies.statement())
        on_record.fan_out()
        deliverer.wake()
        until(lambda: len(there.got) == 1, "it is under way")
        bodies.post(client, f"/v1/statements/{told['id']}/erasure", ERASURE)
        on_record.fan_out()
        gate.set()
        settled(client, made["id"])
        (one,) = deliveries(client, made["id"])
    assert one["attempts"][0]["answer"] is None
