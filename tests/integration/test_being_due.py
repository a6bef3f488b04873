"""When is what waits due, and since when, as people and Prometheus are told?"""

import re

from httpx2 import Client

from tests.support import bodies, webhooks
from tests.support.processes import until
from tests.support.receiver import Answer, Received, Receiver
from tests.support.record import Record
from tests.support.webhooks import deliveries, make, noted, positions, sql

LONG_AGO = """
UPDATE webhooks.deliveries SET state = 'delivered', made_at = made_at - interval '1 year',
    ended_at = made_at - interval '1 year'
"""
AN_HOUR = "UPDATE webhooks.deliveries SET made_at = made_at - interval '1 hour'"


def lag(client: Client) -> float:
    told = client.get("/metrics").text
    found = re.search(r"^onrecord_webhook_oldest_due_seconds (\S+)", told, re.MULTILINE)
    assert found
    return float(found[1])


def test_what_is_sent_once_more_is_due_since_it_was_asked_for(
    client: Client, on_record: Record
) -> None:
    bodies.register_all(client)
    made = make(client, "https://hooks.example/in", types=["position.changed"])
    positions(client, 1)
    on_record.fan_out()
    sql(on_record.url, LONG_AGO)
    (first,) = deliveries(client, made["id"])
    client.post(f"/v1/deliveries/{first['id']}/resend")
    assert 0 <= lag(client) < 60
    positions(client, 1)
    on_record.fan_out()
    sql(on_record.url, AN_HOUR)  # and hides nothing that waits for longer
    assert 3600 <= lag(client) < 3660


def test_a_new_address_is_not_held_to_what_the_old_one_asked_for(
    client: Client, on_record: Record, there: Receiver
) -> None:
    def answer(got: Received) -> Answer:
        return (503, {"Retry-After": "86400"}, b"") if got.path == "/old" else 204

    there.answer = answer
    bodies.register_all(client)
    made = make(client, there.url("/old"), types=["position.changed"])
    where = f"/v1/endpoints/{made['id']}"
    with webhooks.delivering(on_record.url) as deliverer:
        positions(client, 1)
        on_record.fan_out()
        deliverer.wake()
        noted(client, made["id"])
        changed = client.patch(where, json={"url": there.url("/new")}).json()
        assert (0, None) == (changed["failures"], changed["failing_since"])
        (seq,) = positions(client, 1)
        on_record.fan_out()
        deliverer.wake()
        until(lambda: there.seqs("/new") == [seq], "the new address is told", seconds=10)
