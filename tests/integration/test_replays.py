"""Tests of replays: they end, and keep to their rate, whatever else waits for the endpoint."""

from typing import Any

import pytest
from httpx2 import Client

from onrecord.webhooks import catch_up
from tests.support import bodies, webhooks
from tests.support.processes import until
from tests.support.receiver import run_receiver
from tests.support.store import Store
from tests.support.webhooks import create_endpoint, record_positions, run_sql, wait_until_settled

FILLED_MINUTES_AGO = (
    "UPDATE webhooks.replays SET filled_at = clock_timestamp() - interval '600 seconds'"
)
FILLED_AN_HOUR_AGO = "UPDATE webhooks.replays SET filled_at = filled_at - interval '1 hour'"


def replay_of(client: Client, endpoint: str) -> Any:
    return bodies.get(client, f"/v1/endpoints/{endpoint}")["replay"]


def test_a_replay_of_an_ordered_endpoint_with_a_full_queue_ends(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "WINDOW", 10)
    bodies.register_all(client)
    with run_receiver() as receiver:
        endpoint = create_endpoint(client, receiver.url(), types=["position.changed"], ordered=True)
        store.fan_out()
        seqs = record_positions(client, 20)
        store.fan_out()  # more than a window is queued, all of which waits for the replay
        started = client.post(f"/v1/endpoints/{endpoint['id']}/replay", json={"from_size": 0})
        assert (202, 20) == (started.status_code, started.json()["events"])
        with webhooks.run_deliverer(store.url) as deliverer:

            def over() -> bool:
                run_sql(store.url, FILLED_AN_HOUR_AGO)
                store.fan_out()
                deliverer.wake()
                return replay_of(client, endpoint["id"])["ended_at"] is not None

            until(over, "the replay is over")
            wait_until_settled(client, endpoint["id"])
        assert seqs == receiver.seqs()


def test_a_replay_does_not_exceed_its_rate(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "REPLAY_RATE", 0.001)
    bodies.register_all(client)
    endpoint = create_endpoint(client, "https://hooks.example/in", types=["position.changed"])
    record_positions(client, 5)
    store.fan_out()
    run_sql(store.url, "UPDATE webhooks.deliveries SET state = 'delivered'")
    client.post(f"/v1/endpoints/{endpoint['id']}/replay", json={"from_size": 0})
    run_sql(store.url, FILLED_MINUTES_AGO)
    store.fan_out()
    assert 0 == replay_of(client, endpoint["id"])["queued"]
