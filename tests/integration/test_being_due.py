"""Tests of when a delivery is due: the lag metric, and endpoints whose address changed."""

import re

from httpx2 import Client

from tests.support import bodies, webhooks
from tests.support.processes import until
from tests.support.receiver import Answer, ReceivedRequest, Receiver
from tests.support.store import Store
from tests.support.webhooks import (
    create_endpoint,
    deliveries,
    record_positions,
    run_sql,
    wait_for_attempts,
)

DELIVERED_LONG_AGO = """
UPDATE webhooks.deliveries SET state = 'delivered', made_at = made_at - interval '1 year',
    ended_at = made_at - interval '1 year'
"""
QUEUED_AN_HOUR_AGO = "UPDATE webhooks.deliveries SET made_at = made_at - interval '1 hour'"


def lag(client: Client) -> float:
    metrics = client.get("/metrics").text
    match = re.search(r"^onrecord_webhook_oldest_due_seconds (\S+)", metrics, re.MULTILINE)
    assert match
    return float(match[1])


def test_a_resent_delivery_is_due_since_its_resend(client: Client, store: Store) -> None:
    bodies.register_all(client)
    endpoint = create_endpoint(client, "https://hooks.example/in", types=["position.changed"])
    record_positions(client, 1)
    store.fan_out()
    run_sql(store.url, DELIVERED_LONG_AGO)
    (first,) = deliveries(client, endpoint["id"])
    client.post(f"/v1/deliveries/{first['id']}/resend")
    assert 0 <= lag(client) < 60
    record_positions(client, 1)
    store.fan_out()
    run_sql(store.url, QUEUED_AN_HOUR_AGO)  # a resend hides nothing that has waited longer
    assert 3600 <= lag(client) < 3660


def test_a_new_address_is_not_bound_by_the_retry_after_of_the_old_one(
    client: Client, store: Store, receiver: Receiver
) -> None:
    def answer(request: ReceivedRequest) -> Answer:
        return (503, {"Retry-After": "86400"}, b"") if request.path == "/old" else 204

    receiver.answer = answer
    bodies.register_all(client)
    endpoint = create_endpoint(client, receiver.url("/old"), types=["position.changed"])
    path = f"/v1/endpoints/{endpoint['id']}"
    with webhooks.run_deliverer(store.url) as deliverer:
        record_positions(client, 1)
        store.fan_out()
        deliverer.wake()
        wait_for_attempts(client, endpoint["id"])
        changed = client.patch(path, json={"url": receiver.url("/new")}).json()
        assert (0, None) == (changed["failures"], changed["failing_since"])
        (seq,) = record_positions(client, 1)
        store.fan_out()
        deliverer.wake()
        until(lambda: receiver.seqs("/new") == [seq], "the new address got the event")
