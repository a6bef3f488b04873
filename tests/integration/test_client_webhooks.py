"""Tests of webhooks by the typed client: endpoints, feeds, and verification of real deliveries."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx2
import pytest
from standardwebhooks import Webhook

from onrecord.client import Client, endpoints
from onrecord.client.webhooks import InvalidWebhook, verify_webhook
from onrecord.webhooks.api.requests import DryRunIn, EndpointIn, EndpointPatch, ReplayIn
from tests.support.keys import TOKEN
from tests.support.processes import until
from tests.support.receiver import Receiver
from tests.support.webhooks import record_positions, wait_until_settled

OTHER: Final = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def api(client: httpx2.Client) -> Iterator[Client]:
    with Client(str(client.base_url), TOKEN) as api:
        yield api


def test_deliveries_are_verified_before_and_after_a_rotation(
    api: Client, client: httpx2.Client, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    endpoint = api.send(endpoints.create_endpoint(EndpointIn(url=receiver.url())))
    record_positions(client, 1, summary="Talks \u2028 soon.")
    deliver()
    rotated = api.send(endpoints.rotate_secret(endpoint.id))
    api.send(endpoints.ping_endpoint(endpoint.id))
    until(lambda: len(receiver.requests) == 2, "both arrived")
    first, ping = sorted(receiver.requests, key=lambda request: "sequence" not in request.json)

    event = verify_webhook(first.body, first.headers, endpoint.secret)
    assert ("position.changed", first.id, "support") == (
        *(event.type, str(event.id)),
        event.data.stance,
    )
    assert "Talks \u2028 soon." == event.data.summary
    titled = {name.title(): value for name, value in ping.headers.items()}
    for secret in (endpoint.secret, rotated.secret, [OTHER, rotated.secret]):
        assert json.loads(ping.body)["type"] == verify_webhook(ping.body, titled, secret).type


def test_what_was_not_signed_with_the_secret_now_is_refused(
    api: Client, client: httpx2.Client, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    endpoint = api.send(endpoints.create_endpoint(EndpointIn(url=receiver.url())))
    record_positions(client, 1)
    deliver()
    until(lambda: bool(receiver.requests), "it arrived")
    body, headers = receiver.requests[0].body, receiver.requests[0].headers
    verify_webhook(body, headers, endpoint.secret)

    old = datetime.now(UTC) - timedelta(minutes=6)
    signature = Webhook(endpoint.secret).sign(headers["webhook-id"], old, body.decode())
    timestamp = str(int(old.timestamp()))
    replayed = {**headers, "webhook-timestamp": timestamp, "webhook-signature": signature}
    unsigned = {**headers}
    del unsigned["webhook-signature"]
    for wrong in (
        (body.replace(b"support", b"oppose!"), headers, endpoint.secret),
        (body + b" ", headers, endpoint.secret),
        (body, headers, OTHER),
        (body, headers, [OTHER]),
        (body, {**headers, "webhook-id": "another"}, endpoint.secret),
        (body, replayed, endpoint.secret),
        (body, unsigned, endpoint.secret),
        (body, {}, endpoint.secret),
    ):
        with pytest.raises(InvalidWebhook):
            verify_webhook(*wrong)


def test_endpoints_and_deliveries_are_read_and_changed(
    api: Client, client: httpx2.Client, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    endpoint = api.send(endpoints.create_endpoint(EndpointIn(url=receiver.url())))
    patch = EndpointPatch(description="Alerts", topics=("talks",))
    assert "Alerts" == api.send(endpoints.update_endpoint(endpoint.id, patch)).description
    assert ("talks",) == tuple(api.send(endpoints.get_endpoint(endpoint.id)).topics)
    record_positions(client, 3)
    deliver()
    wait_until_settled(client, str(endpoint.id))
    log = list(api.items(endpoints.list_deliveries(endpoint.id)))
    assert {"delivered"} == {delivery.state for delivery in log}
    assert log[0].id == api.send(endpoints.get_delivery(log[0].id)).id
    feed = list(api.items(endpoints.get_endpoint_feed(endpoint.id)))
    assert [delivery.event for delivery in reversed(log)] == [event.id for event in feed]
    assert api.send(endpoints.dry_run_filter(DryRunIn(topics=("talks",)))).matched
    api.send(endpoints.pause_endpoint(endpoint.id))
    api.send(endpoints.resume_endpoint(endpoint.id))
    api.send(endpoints.replay_events(endpoint.id, ReplayIn(from_size=0)))
    api.send(endpoints.resend_delivery(log[0].id))
    assert api.send(endpoints.delete_endpoint(endpoint.id)) is None
