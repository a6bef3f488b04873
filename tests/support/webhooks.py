"""Helpers for tests of webhooks: endpoints, deliverers, and waiting for deliveries.

`run_deliverer` runs the product's deliverer in this process, allowed to dial 127.0.0.1;
`run_delivery` also folds, fans out and wakes it. `MAKE_RETRIES_DUE` and `ALLOW_PROBES` are
statements for `run_sql`, in place of waiting for hours.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx2
import psycopg

from onrecord.kit.networks import parse_network
from onrecord.kit.sql import db
from onrecord.webhooks.delivery.connection import SETTINGS
from onrecord.webhooks.delivery.deliverer import Deliverer
from onrecord.webhooks.encryption import SecretCipher
from tests.support.bodies import line, ndjson, position, send
from tests.support.processes import until
from tests.support.store import PUBLIC_URL, SECRETS_KEY, Store

LOOPBACK = (parse_network("127.0.0.1/32"),)
MAKE_RETRIES_DUE = "UPDATE webhooks.deliveries SET next_attempt_at = now() WHERE state = 'pending'"
ALLOW_PROBES = "UPDATE webhooks.endpoints SET probe_at = now()"


@contextmanager
def run_deliverer(url: str) -> Iterator[Deliverer]:
    """A running deliverer on this database."""
    conninfo = db.conninfo(url, role="onrecord_webhooks", **SETTINGS)
    failed = threading.Event()
    deliverer = Deliverer(conninfo, LOOPBACK, PUBLIC_URL, SecretCipher([SECRETS_KEY]), failed.set)
    deliverer.start()
    try:
        yield deliverer
    finally:
        deliverer.stop()
    assert not failed.is_set()


@contextmanager
def run_delivery(store: Store) -> Iterator[Callable[[], int]]:
    """A running deliverer, and a function that folds, fans out and wakes it, as the worker does."""
    with run_deliverer(store.url) as deliverer:

        def deliver() -> int:
            written = store.fan_out()
            deliverer.wake()
            return written

        yield deliver


def create_endpoint(client: httpx2.Client, url: str, **over: Any) -> dict[str, Any]:
    """Create an endpoint; the response, with its secret."""
    response = client.post("/v1/endpoints", json={"url": url, **over})
    assert response.status_code == 201, response.text
    endpoint: dict[str, Any] = response.json()
    return endpoint


def deliveries(client: httpx2.Client, endpoint: str, **params: Any) -> list[dict[str, Any]]:
    """The delivery log of an endpoint, the oldest first."""
    path = f"/v1/endpoints/{endpoint}/deliveries"
    response = client.get(path, params={"limit": 500, **params})
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items[::-1]


def wait_until_settled(client: httpx2.Client, endpoint: str, *states: str) -> None:
    """Wait until an endpoint has deliveries, all in one of these states (default: delivered)."""

    def settled() -> bool:
        current = {delivery["state"] for delivery in deliveries(client, endpoint)}
        return bool(current) and current <= set(states or ("delivered",))

    until(settled, f"all are {states or 'delivered'}")


def wait_for_attempts(client: httpx2.Client, endpoint: str, count: int = 1) -> dict[str, Any]:
    """Wait until the first delivery of an endpoint has so many attempts; the delivery."""
    first: dict[str, Any] = {}

    def logged() -> bool:
        queued = deliveries(client, endpoint)
        if not queued:  # its event is not fanned out yet
            return False
        first.update(queued[0])
        return len(first["attempts"]) >= count and first["state"] != "sending"

    until(logged, f"{count} attempts are logged")
    return first


def record_positions(client: httpx2.Client, count: int, **over: Any) -> list[int]:
    """Record positions; their seqs."""
    lines = [line("position", uuid4(), position(**over, order=n)) for n in range(count)]
    return [result["seq"] for result in send(client, ndjson(lines))]


def run_sql(url: str, statement: str) -> None:
    """Run a statement that lets time pass, or breaks something."""
    with psycopg.connect(url) as conn:
        conn.execute(statement.encode())
