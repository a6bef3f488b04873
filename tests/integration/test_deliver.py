"""Tests of delivery: signed events, retries, resends, pings and the delivery log.

With the real APIs, deliverer and receivers over HTTP. Where an hour must pass, it is subtracted in
the row that waits for it.
"""

import threading
from collections.abc import Callable

from httpx2 import Client
from standardwebhooks import Webhook

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


def test_an_event_is_delivered_signed_with_its_full_payload(
    client: Client, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])
    first = bodies.post(client, "/v1/positions", bodies.position(stance="oppose"))
    second = bodies.post(client, "/v1/positions", bodies.position(effective="2022-12-02"))
    assert 2 == deliver()
    wait_until_settled(client, endpoint["id"])
    request = max(receiver.requests, key=lambda request: request.seq)
    assert request.id == second["event"]
    assert request.headers["content-type"] == "application/cloudevents+json"
    body = Webhook(endpoint["secret"]).verify(request.body, dict(request.headers))
    assert (body["type"], body["sequence"]) == ("position.changed", str(second["seq"]))
    assert body["subject"] == f"positions/{second['id']}"
    event = bodies.get(client, f"/v1/events/{second['event']}")
    payload = {name: {"value": part["value"]} for name, part in event["payload"].items()}
    change = {
        "kind": "reversed",
        "size": 4,
        "late": False,
        "previous": body["data"]["change"]["previous"],
        "certainty": "definite",
        "announced": False,
    }
    assert {**event, "payload": payload, "change": change}.items() <= body["data"].items()
    before = {"id": first["id"], "stance": "oppose", "condition": None, "effective": "2022-11-30"}
    assert before == change["previous"]


def test_a_change_recorded_out_of_order_is_marked_late(
    client: Client, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    create_endpoint(client, receiver.url(), types=["position.changed"])
    bodies.post(client, "/v1/positions", bodies.position(effective="2022-12-02"))
    deliver()
    bodies.post(client, "/v1/positions", bodies.position(effective="2022-12-01", stance="oppose"))
    deliver()
    until(lambda: len(receiver.requests) == 2, "both arrived")
    changes = [request.json["data"]["change"] for request in receiver.requests]
    by_lateness = {change["late"]: change for change in changes}
    assert {False, True} == set(by_lateness)
    assert ("adopted", None) == (by_lateness[True]["kind"], by_lateness[True]["previous"])


def test_a_failed_delivery_is_retried_under_the_same_id_and_logged(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    receiver.answer = lambda _: (503, {}, b"come later") if len(receiver.requests) == 1 else 204
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])
    (seq,) = record_positions(client, 1)
    deliver()
    waiting = wait_for_attempts(client, endpoint["id"])
    assert ("pending", seq) == (waiting["state"], waiting["seq"])
    (failed,) = waiting["attempts"]
    assert (503, "failed", "come later") == (failed["status"], failed["result"], failed["answer"])
    assert failed["error"]
    assert waiting["next_attempt_at"] > failed["began_at"]
    run_sql(store.url, MAKE_RETRIES_DUE)
    deliver()
    wait_until_settled(client, endpoint["id"])
    (done,) = deliveries(client, endpoint["id"])
    assert ["failed", "delivered"] == [attempt["result"] for attempt in done["attempts"]]
    assert {done["event"]} == {request.id for request in receiver.requests}


def test_a_delivery_fails_after_its_last_retry_and_a_resend_starts_over(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    receiver.answer = lambda _: 500
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])
    record_positions(client, 1)
    deliver()
    for tries in range(1, 11):
        wait_for_attempts(client, endpoint["id"], tries)
        run_sql(store.url, MAKE_RETRIES_DUE)
        run_sql(store.url, ALLOW_PROBES)
        deliver()
    wait_until_settled(client, endpoint["id"], "failed")
    (given_up,) = deliveries(client, endpoint["id"], state="failed")
    assert 10 == len(given_up["attempts"])
    receiver.answer = lambda _: 204
    run_sql(store.url, ALLOW_PROBES)
    since = {"failed_since": given_up["made_at"]}
    assert {"resent": 1} == client.post(f"/v1/endpoints/{endpoint['id']}/resend", json=since).json()
    deliver()
    wait_until_settled(client, endpoint["id"])
    (done,) = deliveries(client, endpoint["id"])
    assert (11, "delivered") == (len(done["attempts"]), done["attempts"][-1]["result"])
    again = client.post(f"/v1/deliveries/{done['id']}/resend")
    assert (200, "pending") == (again.status_code, again.json()["state"])
    until(lambda: len(receiver.requests) == 12, "it arrived again")
    assert 1 == len({request.id for request in receiver.requests})


def test_a_ping_is_signed_and_sent_to_a_paused_endpoint(
    client: Client, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    endpoint = create_endpoint(client, receiver.url())
    client.post(f"/v1/endpoints/{endpoint['id']}/pause", json={})
    ping = client.post(f"/v1/endpoints/{endpoint['id']}/ping")
    assert (202, "ping") == (ping.status_code, ping.json()["kind"])
    deliver()
    until(lambda: len(receiver.requests) == 1, "it arrived")
    (request,) = receiver.requests
    body = Webhook(endpoint["secret"]).verify(request.body, dict(request.headers))
    assert ("endpoint.ping", endpoint["id"]) == (body["type"], body["data"]["endpoint"])
    until(
        lambda: bodies.get(client, f"/v1/deliveries/{ping.json()['id']}")["state"] == "delivered",
        "it is logged",
    )


def test_both_secrets_sign_during_a_rotation(
    client: Client, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])
    new = client.post(f"/v1/endpoints/{endpoint['id']}/rotate").json()
    record_positions(client, 1)
    deliver()
    until(lambda: len(receiver.requests) == 1, "it arrived")
    (request,) = receiver.requests
    for secret in (endpoint["secret"], new["secret"]):
        Webhook(secret).verify(request.body, dict(request.headers))


def test_deleting_an_endpoint_removes_its_log(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])
    record_positions(client, 1)
    deliver()
    wait_until_settled(client, endpoint["id"])
    (done,) = deliveries(client, endpoint["id"])
    assert 204 == client.delete(f"/v1/endpoints/{endpoint['id']}").status_code
    record_positions(client, 1)
    assert 0 == deliver()
    for path in (f"/v1/endpoints/{endpoint['id']}", f"/v1/deliveries/{done['id']}"):
        assert 404 == client.get(path).status_code
    assert 404 == client.delete(f"/v1/endpoints/{endpoint['id']}").status_code
    assert 1 == store.purge()
    assert 0 == store.purge()


def test_erased_sections_are_not_sent(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    endpoint = create_endpoint(client, receiver.url(), types=["statement.made"])
    client.post(f"/v1/endpoints/{endpoint['id']}/pause", json={})
    statement = bodies.post(client, "/v1/statements", bodies.statement())
    erasure = {"sections": ["content"], "ground": "gdpr-17"}
    bodies.post(client, f"/v1/statements/{statement['id']}/erasure", erasure)
    client.post(f"/v1/endpoints/{endpoint['id']}/resume")
    deliver()
    until(lambda: len(receiver.requests) == 1, "it arrived")
    data = receiver.requests[0].json["data"]
    assert {"content": "gdpr-17"} == data["erased"]
    assert "content" not in data["payload"]


def test_a_delivery_with_an_expired_lease_is_sent_again_and_logged_as_unknown(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])
    client.post(f"/v1/endpoints/{endpoint['id']}/pause", json={})
    record_positions(client, 1)
    deliver()
    client.post(f"/v1/endpoints/{endpoint['id']}/resume")
    store.fan_out()
    # As a deliverer leaves it that is killed between its claim and its result.
    run_sql(
        store.url,
        "UPDATE webhooks.deliveries SET state = 'sending', lease = 0, leased_at = now()"
        " - interval '1 minute', lease_until = now() - interval '30 seconds'"
        " WHERE state = 'pending'",
    )
    wait_until_settled(client, endpoint["id"])
    (done,) = deliveries(client, endpoint["id"])
    assert "delivered" == done["attempts"][-1]["result"]
    assert {"unknown", "delivered"} >= {attempt["result"] for attempt in done["attempts"]}


def test_two_deliverers_send_each_delivery_once(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    endpoints = [
        create_endpoint(client, receiver.url(f"/{n}"), types=["position.changed"]) for n in range(4)
    ]
    seqs = record_positions(client, 60)
    with webhooks.run_deliverer(store.url) as another:
        deliver()
        another.wake()
        for endpoint in endpoints:
            wait_until_settled(client, endpoint["id"])
    for n in range(4):
        assert sorted(seqs) == sorted(receiver.seqs(f"/{n}"))


def test_an_attempt_that_outlasts_its_lease_is_not_recorded_twice(
    client: Client, receiver: Receiver, deliver: Callable[[], int], store: Store
) -> None:
    gate = threading.Event()

    def hang(_: object) -> int:
        gate.wait(120)
        return 204

    receiver.answer = hang
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])
    record_positions(client, 1)
    deliver()
    until(lambda: len(receiver.requests) == 1, "it is being sent")
    run_sql(store.url, "UPDATE webhooks.deliveries SET lease_until = now()")
    until(lambda: len(receiver.requests) == 2, "it is sent again")
    gate.set()
    wait_until_settled(client, endpoint["id"])
    (delivery,) = deliveries(client, endpoint["id"])
    assert ["unknown", "delivered"] == [attempt["result"] for attempt in delivery["attempts"]]
