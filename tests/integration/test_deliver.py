"""Does what is recorded reach those who asked for it, whole and signed, and does the log tell how?

Real doors, a real deliverer and real receivers over HTTP. Where an hour must pass, it is taken out
of the row that waits for it.
"""

import threading
from collections.abc import Callable

from httpx2 import Client
from standardwebhooks import Webhook

from tests.support import bodies, webhooks
from tests.support.processes import until
from tests.support.receiver import Receiver
from tests.support.record import Record
from tests.support.webhooks import PROBE, SOON, deliveries, make, noted, positions, settled, sql


def test_an_event_reaches_an_endpoint_signed_and_whole(
    client: Client, there: Receiver, tell: Callable[[], int]
) -> None:
    made = make(client, there.url(), types=["position.changed"])
    first = bodies.post(client, "/v1/positions", bodies.position(stance="oppose"))
    told = bodies.post(client, "/v1/positions", bodies.position(effective="2022-12-02"))
    assert 2 == tell()
    settled(client, made["id"])
    got = max(there.got, key=lambda one: one.seq)
    assert got.id == told["event"]
    assert got.headers["content-type"] == "application/cloudevents+json"
    body = Webhook(made["secret"]).verify(got.body, dict(got.headers))
    assert (body["type"], body["sequence"]) == ("position.changed", str(told["seq"]))
    assert body["subject"] == f"positions/{told['id']}"
    event = bodies.get(client, f"/v1/events/{told['event']}")
    words = {name: {"value": one["value"]} for name, one in event["payload"].items()}
    change = {
        "kind": "reversed",
        "size": 4,
        "late": False,
        "previous": body["data"]["change"]["previous"],
    }
    assert {**event, "payload": words, "change": change} == body["data"]
    before = {"id": first["id"], "stance": "oppose", "condition": None, "effective": "2022-11-30"}
    assert before == change["previous"]


def test_a_late_arrival_says_so(client: Client, there: Receiver, tell: Callable[[], int]) -> None:
    make(client, there.url(), types=["position.changed"])
    bodies.post(client, "/v1/positions", bodies.position(effective="2022-12-02"))
    tell()
    bodies.post(client, "/v1/positions", bodies.position(effective="2022-12-01", stance="oppose"))
    tell()
    until(lambda: len(there.got) == 2, "both came")
    late = {one.json["data"]["change"]["late"]: one.json["data"]["change"] for one in there.got}
    assert {False, True} == set(late)
    assert ("adopted", None) == (late[True]["kind"], late[True]["previous"])


def test_what_fails_is_tried_again_under_the_same_id_and_the_log_tells_of_it(
    client: Client, on_record: Record, there: Receiver, tell: Callable[[], int]
) -> None:
    there.answer = lambda _: (503, {}, b"come later") if len(there.got) == 1 else 204
    made = make(client, there.url(), types=["position.changed"])
    (seq,) = positions(client, 1)
    tell()
    waiting = noted(client, made["id"])
    assert ("pending", seq) == (waiting["state"], waiting["seq"])
    (failed,) = waiting["attempts"]
    assert (503, "failed", "come later") == (failed["status"], failed["result"], failed["answer"])
    assert failed["error"]
    assert waiting["next_attempt_at"] > failed["began_at"]
    sql(on_record.url, SOON)
    tell()
    settled(client, made["id"])
    (done,) = deliveries(client, made["id"])
    assert ["failed", "delivered"] == [one["result"] for one in done["attempts"]]
    assert {done["event"]} == {one.id for one in there.got}


def test_retries_used_up_give_a_delivery_up_and_a_resend_begins_anew(
    client: Client, on_record: Record, there: Receiver, tell: Callable[[], int]
) -> None:
    there.answer = lambda _: 500
    made = make(client, there.url(), types=["position.changed"])
    positions(client, 1)
    tell()
    for tries in range(1, 11):
        noted(client, made["id"], tries)
        sql(on_record.url, SOON)
        sql(on_record.url, PROBE)
        tell()
    settled(client, made["id"], "failed")
    (given_up,) = deliveries(client, made["id"], state="failed")
    assert 10 == len(given_up["attempts"])
    there.answer = lambda _: 204
    sql(on_record.url, PROBE)
    since = {"failed_since": given_up["made_at"]}
    assert {"resent": 1} == client.post(f"/v1/endpoints/{made['id']}/resend", json=since).json()
    tell()
    settled(client, made["id"])
    (done,) = deliveries(client, made["id"])
    assert (11, "delivered") == (len(done["attempts"]), done["attempts"][-1]["result"])
    again = client.post(f"/v1/deliveries/{done['id']}/resend")
    assert (200, "pending") == (again.status_code, again.json()["state"])
    until(lambda: len(there.got) == 12, "it came once more")
    assert 1 == len({one.id for one in there.got})


def test_a_ping_is_signed_and_goes_to_a_paused_endpoint_too(
    client: Client, there: Receiver, tell: Callable[[], int]
) -> None:
    made = make(client, there.url())
    client.post(f"/v1/endpoints/{made['id']}/pause", json={})
    told = client.post(f"/v1/endpoints/{made['id']}/ping")
    assert (202, "ping") == (told.status_code, told.json()["kind"])
    tell()
    until(lambda: len(there.got) == 1, "it came")
    (got,) = there.got
    body = Webhook(made["secret"]).verify(got.body, dict(got.headers))
    assert ("endpoint.ping", made["id"]) == (body["type"], body["data"]["endpoint"])
    until(
        lambda: bodies.get(client, f"/v1/deliveries/{told.json()['id']}")["state"] == "delivered",
        "it is noted",
    )


def test_while_a_secret_is_rotated_both_sign(
    client: Client, there: Receiver, tell: Callable[[], int]
) -> None:
    made = make(client, there.url(), types=["position.changed"])
    new = client.post(f"/v1/endpoints/{made['id']}/rotate").json()
    positions(client, 1)
    tell()
    until(lambda: len(there.got) == 1, "it came")
    (got,) = there.got
    for secret in (made["secret"], new["secret"]):
        Webhook(secret).verify(got.body, dict(got.headers))


def test_a_deleted_endpoint_is_gone_with_its_log(
    client: Client, on_record: Record, there: Receiver, tell: Callable[[], int]
) -> None:
    made = make(client, there.url(), types=["position.changed"])
    positions(client, 1)
    tell()
    settled(client, made["id"])
    (done,) = deliveries(client, made["id"])
    assert 204 == client.delete(f"/v1/endpoints/{made['id']}").status_code
    positions(client, 1)
    assert 0 == tell()
    for path in (f"/v1/endpoints/{made['id']}", f"/v1/deliveries/{done['id']}"):
        assert 404 == client.get(path).status_code
    assert 404 == client.delete(f"/v1/endpoints/{made['id']}").status_code
    assert 1 == on_record.forget()
    assert 0 == on_record.forget()


def test_words_that_were_erased_are_not_sent(
    client: Client, on_record: Record, there: Receiver, tell: Callable[[], int]
) -> None:
    made = make(client, there.url(), types=["statement.made"])
    client.post(f"/v1/endpoints/{made['id']}/pause", json={})
    told = bodies.post(client, "/v1/statements", bodies.statement())
    erasure = {"sections": ["content"], "ground": "gdpr-17"}
    bodies.post(client, f"/v1/statements/{told['id']}/erasure", erasure)
    client.post(f"/v1/endpoints/{made['id']}/resume")
    tell()
    until(lambda: len(there.got) == 1, "it came")
    data = there.got[0].json["data"]
    assert {"content": "gdpr-17"} == data["erased"]
    assert "content" not in data["payload"]


def test_what_a_lease_ran_out_on_is_sent_again_and_told_as_unknown(
    client: Client, on_record: Record, there: Receiver, tell: Callable[[], int]
) -> None:
    made = make(client, there.url(), types=["position.changed"])
    client.post(f"/v1/endpoints/{made['id']}/pause", json={})
    positions(client, 1)
    tell()
    client.post(f"/v1/endpoints/{made['id']}/resume")
    on_record.fan_out()
    # As a deliverer leaves it that is killed between its claim and what came of it.
    sql(
        on_record.url,
        "UPDATE webhooks.deliveries SET state = 'sending', lease = 0, leased_at = now()"
        " - interval '1 minute', lease_until = now() - interval '30 seconds'"
        " WHERE state = 'pending'",
    )
    settled(client, made["id"])
    (done,) = deliveries(client, made["id"])
    assert "delivered" == done["attempts"][-1]["result"]
    assert {"unknown", "delivered"} >= {one["result"] for one in done["attempts"]}


def test_two_deliverers_share_the_work_and_double_none(
    client: Client, on_record: Record, there: Receiver, tell: Callable[[], int]
) -> None:
    made = [make(client, there.url(f"/{n}"), types=["position.changed"]) for n in range(4)]
    seqs = positions(client, 60)
    with webhooks.delivering(on_record.url) as another:
        tell()
        another.wake()
        for one in made:
            settled(client, one["id"])
    for n in range(4):
        assert sorted(seqs) == sorted(there.seqs(f"/{n}"))


def test_a_sending_that_outlasts_its_lease_and_the_one_after_it_may_end_together(
    client: Client, there: Receiver, tell: Callable[[], int], on_record: Record
) -> None:
    gate = threading.Event()

    def hang(_: object) -> int:
        gate.wait(30)
        return 204

    there.answer = hang
    made = make(client, there.url(), types=["position.changed"])
    positions(client, 1)
    tell()
    until(lambda: len(there.got) == 1, "it is under way")
    sql(on_record.url, "UPDATE webhooks.deliveries SET lease_until = now()")
    until(lambda: len(there.got) == 2, "it is under way again")
    gate.set()
    settled(client, made["id"])
    (delivery,) = deliveries(client, made["id"])
    assert ["unknown", "delivered"] == [one["result"] for one in delivery["attempts"]]
