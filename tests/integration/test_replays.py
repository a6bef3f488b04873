"""Does a replay come to its end, at its pace, whatever else waits for its endpoint?"""

from typing import Any

import pytest
from httpx2 import Client

from onrecord.webhooks import fan_out
from tests.support import bodies, webhooks
from tests.support.processes import until
from tests.support.receiver import receiver
from tests.support.record import Record
from tests.support.webhooks import make, positions, settled, sql

SOON = "UPDATE webhooks.replays SET filled_at = clock_timestamp() - interval '600 seconds'"
LONG_AGO = "UPDATE webhooks.replays SET filled_at = filled_at - interval '1 hour'"


def replay_of(client: Client, endpoint: str) -> Any:
    return bodies.get(client, f"/v1/endpoints/{endpoint}")["replay"]


def test_an_ordered_endpoint_that_is_far_behind_is_replayed_all_the_same(
    client: Client, on_record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "WINDOW", 10)
    bodies.register_all(client)
    with receiver() as there:
        made = make(client, there.url(), types=["position.changed"], ordered=True)
        on_record.fan_out()
        seqs = positions(client, 20)
        on_record.fan_out()  # more than a window waits for it, and all of that for the replay
        asked = client.post(f"/v1/endpoints/{made['id']}/replay", json={"from_size": 0})
        assert (202, 20) == (asked.status_code, asked.json()["events"])
        with webhooks.delivering(on_record.url) as deliverer:

            def over() -> bool:
                sql(on_record.url, LONG_AGO)
                on_record.fan_out()
                deliverer.wake()
                return replay_of(client, made["id"])["ended_at"] is not None

            until(over, "the replay is over", seconds=10)
            settled(client, made["id"])
        assert seqs == there.seqs()


def test_a_replay_is_never_faster_than_its_rate(
    client: Client, on_record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "RATE", 0.001)
    bodies.register_all(client)
    made = make(client, "https://hooks.example/in", types=["position.changed"])
    positions(client, 5)
    on_record.fan_out()
    sql(on_record.url, "UPDATE webhooks.deliveries SET state = 'delivered'")
    client.post(f"/v1/endpoints/{made['id']}/replay", json={"from_size": 0})
    sql(on_record.url, SOON)
    on_record.fan_out()
    assert 0 == replay_of(client, made["id"])["queued"]
