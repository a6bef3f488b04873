"""How does a test have endpoints, and things delivered to them?

`delivering` runs the deliverer of the product in this process, allowed to dial 127.0.0.1;
`telling` has it told of what is new. `SOON` and `PROBE` are for `sql`.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import httpx2
import psycopg

from onrecord.kit.sql import db
from onrecord.webhooks.delivery import claim
from onrecord.webhooks.delivery.deliverer import Deliverer
from tests.support.bodies import line, ndjson, position, register_all, send
from tests.support.processes import Deployment, until
from tests.support.receiver import Receiver
from tests.support.record import Record

HERE = (ip_network("127.0.0.1/32"),)
SOON = "UPDATE webhooks.deliveries SET next_attempt_at = now() WHERE state = 'pending'"
PROBE = "UPDATE webhooks.endpoints SET probe_at = now()"


@contextmanager
def delivering(url: str) -> Iterator[Deliverer]:
    """A deliverer at work on this database."""
    told = db.conninfo(url, role="onrecord_webhooks", **claim.SETTINGS)
    failed = threading.Event()
    made = Deliverer(told, HERE, failed.set)
    made.start()
    try:
        yield made
    finally:
        made.stop()
    assert not failed.is_set()


@contextmanager
def telling(made: Record) -> Iterator[Callable[[], int]]:
    """A deliverer at work, and what folds, fans out and wakes it, as the worker does."""
    with delivering(made.url) as deliverer:

        def tell() -> int:
            written = made.fan_out()
            deliverer.wake()
            return written

        yield tell


def make(client: httpx2.Client, url: str, **over: Any) -> dict[str, Any]:
    """Make an endpoint; what is told of it, its secret too."""
    answer = client.post("/v1/endpoints", json={"url": url, **over})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def deliveries(client: httpx2.Client, endpoint: str, **params: Any) -> list[dict[str, Any]]:
    """An endpoint's log, the oldest first."""
    answer = client.get(f"/v1/endpoints/{endpoint}/deliveries", params={"limit": 500, **params})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items[::-1]


def settled(client: httpx2.Client, endpoint: str, *states: str) -> None:
    """Wait until every delivery of an endpoint is in one of these states; there must be some."""

    def all_are() -> bool:
        found = {one["state"] for one in deliveries(client, endpoint)}
        return bool(found) and found <= set(states or ("delivered",))

    until(all_are, f"all are {states or 'delivered'}")


def noted(client: httpx2.Client, endpoint: str, attempts: int = 1) -> dict[str, Any]:
    """Wait until so many attempts of an endpoint's first delivery are noted; the delivery."""
    found: dict[str, Any] = {}

    def all_are() -> bool:
        found.update(deliveries(client, endpoint)[0])
        return len(found["attempts"]) >= attempts and found["state"] != "sending"

    until(all_are, f"{attempts} attempts are noted")
    return found


def positions(client: httpx2.Client, count: int, **over: Any) -> list[int]:
    """Put positions on record; their seqs."""
    lines = [line("position", uuid4(), position(**over, order=n)) for n in range(count)]
    return [one["seq"] for one in send(client, ndjson(lines))]


def sql(url: str, statement: str) -> None:
    """Let time pass, or something break, by hand."""
    with psycopg.connect(url) as conn:
        conn.execute(statement.encode())


@contextmanager
def door(deployed: Deployment) -> Iterator[httpx2.Client]:
    """The API, with actors and topics on record."""
    with httpx2.Client(base_url=deployed.address, timeout=60) as client:
        register_all(client)
        yield client


def assert_true(
    client: httpx2.Client, there: Receiver, endpoint: str, seqs: list[int]
) -> list[dict[str, Any]]:
    """Every event came, each under one id, and the log has an attempt for each that came."""
    until(lambda: set(seqs) <= set(there.seqs()), "every event has come", seconds=60)
    settled(client, endpoint)
    assert set(seqs) == set(there.seqs())
    assert len(seqs) == len({one.id for one in there.got})
    logged = deliveries(client, endpoint)
    assert seqs == [one["seq"] for one in logged]
    assert {"delivered"} == {one["attempts"][-1]["result"] for one in logged}
    came = Counter(one.id for one in there.got)
    for one in logged:
        assert came[one["event"]] <= len(one["attempts"])
    return logged
