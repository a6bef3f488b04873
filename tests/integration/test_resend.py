"""Tests of resends: failed deliveries are due again, and the answer counts them.

With the real APIs, deliverer and receivers over HTTP.
"""

from collections.abc import Callable
from typing import Any

from httpx2 import Client

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
    wait_until_settled,
)

LONG_AGO = "2022-01-01T00:00:00Z"


def resend(client: Client, endpoint: str, since: str = LONG_AGO) -> int:
    response = client.post(f"/v1/endpoints/{endpoint}/resend", json={"failed_since": since})
    assert 200 == response.status_code, response.text
    resent: int = response.json()["resent"]
    return resent


def wait_until_all_failed(client: Client, endpoint: str) -> list[dict[str, Any]]:
    """Wait until each delivery has an attempt and waits for the next; the deliveries."""

    def waiting() -> bool:
        log[:] = deliveries(client, endpoint)
        return all(delivery["attempts"] and delivery["state"] == "pending" for delivery in log)

    log: list[dict[str, Any]] = []
    until(waiting, "all wait for a retry")
    return log


def test_deliveries_that_wait_for_a_retry_are_counted_and_sent_at_once(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    receiver.answer = lambda _: 503
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])["id"]
    seqs = record_positions(client, 3)
    deliver()
    log = wait_until_all_failed(client, endpoint)
    later = max(delivery["next_attempt_at"] for delivery in log)
    assert 0 == resend(client, endpoint, later), "none failed after that"
    receiver.answer = lambda _: 204
    assert 3 == resend(client, endpoint)
    run_sql(store.url, ALLOW_PROBES)
    deliver()
    wait_until_settled(client, endpoint)
    assert sorted(seqs) == sorted(set(receiver.seqs()))
    assert 0 == resend(client, endpoint), "all succeeded"


def test_retries_that_are_due_and_failed_deliveries_are_counted_together(
    client: Client, store: Store, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    receiver.answer = lambda _: 500
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])["id"]
    record_positions(client, 4)
    deliver()
    last = wait_until_all_failed(client, endpoint)[-1]["id"]
    client.post(f"/v1/endpoints/{endpoint}/pause", json={})
    run_sql(store.url, MAKE_RETRIES_DUE)
    run_sql(
        store.url,
        "UPDATE webhooks.deliveries SET state = 'failed', ended_at = now(),"
        f" next_attempt_at = NULL WHERE id = {last}",
    )
    assert 4 == resend(client, endpoint)
    assert {"pending"} == {delivery["state"] for delivery in deliveries(client, endpoint)}
    # what is a first attempt again has not failed since
    assert 3 == resend(client, endpoint)


def test_deliveries_of_several_pages_are_counted(
    client: Client, store: Store, receiver: Receiver
) -> None:
    endpoint = create_endpoint(client, receiver.url(), types=["position.changed"])["id"]
    run_sql(
        store.url,
        "INSERT INTO webhooks.deliveries (endpoint, event, lane, state, ended_at)"
        f" SELECT '{endpoint}', gen_random_uuid(), 0, 'failed', now()"
        " FROM generate_series(1, 10001)",
    )
    assert 10_001 == resend(client, endpoint)
    assert 0 == resend(client, endpoint)
