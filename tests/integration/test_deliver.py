"""Does what is recorded reach those who asked for it?

Real doors, a real deliverer and real receivers over HTTP.
"""

from httpx2 import Client
from standardwebhooks import Webhook

from tests.support import bodies, webhooks
from tests.support.processes import until
from tests.support.receiver import receiver
from tests.support.record import Record


def test_an_event_reaches_an_endpoint_signed_and_whole(client: Client, on_record: Record) -> None:
    bodies.stage(client)
    with receiver() as there, webhooks.delivering(on_record.url) as deliverer:
        made = webhooks.make(client, there.url(), types=["position.changed"])
        told = bodies.post(client, "/v1/positions", bodies.position())
        assert 1 == on_record.fan_out()
        deliverer.wake()
        until(lambda: len(there.got) == 1, "it came")
        until(
            lambda: (
                [one["state"] for one in webhooks.deliveries(client, made["id"])] == ["delivered"]
            ),
            "it is noted",
        )
    (got,) = there.got
    assert got.id == told["event"]
    body = Webhook(made["secret"]).verify(got.body, dict(got.headers))
    assert (body["type"], body["sequence"]) == ("position.changed", str(told["seq"]))
    event = bodies.get(client, f"/v1/events/{told['event']}")
    assert event["entry"] == body["data"]["entry"]
