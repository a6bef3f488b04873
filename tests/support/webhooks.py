"""How does a test have endpoints, and things delivered to them?

`delivering` runs the deliverer of the product in this process, allowed to dial 127.0.0.1.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import httpx2

from onrecord.kit import db
from onrecord.webhooks import claim
from onrecord.webhooks.deliver import Deliverer

HERE = (ip_network("127.0.0.1/32"),)


@contextmanager
def delivering(url: str) -> Iterator[Deliverer]:
    """A deliverer at work on this database."""
    made = Deliverer(db.conninfo(url, role="onrecord_webhooks", **claim.SETTINGS), HERE)
    made.start()
    try:
        yield made
    finally:
        made.stop()


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
