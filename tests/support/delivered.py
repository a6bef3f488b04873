"""Webhooks by the typed client, for tests that kill processes: endpoints and their deliveries.

`webhooks` has the same for tests of the webhooks API.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from onrecord.client import Client, endpoints
from onrecord.client.parameters import DeliveryListParams
from onrecord.webhooks.api.requests import DeliveryState, EndpointIn
from onrecord.webhooks.api.responses import Delivery
from tests.support.processes import Deployment, until
from tests.support.receiver import Receiver
from tests.support.recording import register


@contextmanager
def staged_client(deployed: Deployment) -> Iterator[Client]:
    """A client of a deployment, with actors and topics registered."""
    with deployed.client() as client:
        register(client)
        yield client


def subscribe(client: Client, receiver: Receiver, *, ordered: bool = False) -> UUID:
    """Send changes of positions to a receiver; the endpoint's id."""
    endpoint = EndpointIn(url=receiver.url(), types=("position.changed",), ordered=ordered)
    return client.send(endpoints.create_endpoint(endpoint)).id


def delivery_log(
    client: Client, endpoint: UUID, state: DeliveryState | None = None
) -> list[Delivery]:
    """The deliveries to an endpoint, the oldest first."""
    search = DeliveryListParams(limit=500, state=state)
    return [*client.items(endpoints.list_deliveries(endpoint, search))][::-1]


def attempt_results(log: list[Delivery]) -> list[list[str]]:
    """What each attempt of each delivery came to."""
    return [[attempt.result for attempt in delivery.attempts] for delivery in log]


def wait_until_settled(client: Client, endpoint: UUID, *states: DeliveryState) -> None:
    """Wait until an endpoint has deliveries, all in one of these states (default: delivered)."""

    def settled() -> bool:
        current = {delivery.state for delivery in delivery_log(client, endpoint)}
        return bool(current) and current <= set(states or ("delivered",))

    until(settled, f"all are {states or 'delivered'}")


def assert_all_delivered(
    client: Client, receiver: Receiver, endpoint: UUID, seqs: list[int]
) -> list[Delivery]:
    """Every event arrived, each under one id, and the log has an attempt for each arrival."""
    until(lambda: set(seqs) <= set(receiver.seqs()), "every event arrived")
    wait_until_settled(client, endpoint)
    assert set(seqs) == set(receiver.seqs())
    assert len(seqs) == len({request.id for request in receiver.requests})
    log = delivery_log(client, endpoint)
    assert seqs == [delivery.seq for delivery in log]
    assert {"delivered"} == {results[-1] for results in attempt_results(log)}
    arrivals = Counter(request.id for request in receiver.requests)
    for delivery in log:
        assert arrivals[str(delivery.event)] <= len(delivery.attempts)
    return log
