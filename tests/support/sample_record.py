"""A record with everything in it: the seeds, a merge, a retraction, an erasure and deliveries.

Used by tests of exports and of the schema `reporting`, which share one for a file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2

from tests.support import bodies, postgres, seeds
from tests.support.receiver import run_receiver
from tests.support.store import Store, open_store, run_api
from tests.support.webhooks import create_endpoint, run_delivery, wait_until_settled

SECRET_PATH = "/hooks/T0KEN"
"""The path of the endpoint, which whoever knows it may post to."""
ERASED_WORDS = "zanzibar"


@dataclass(frozen=True)
class SampleRecord:
    store: Store
    client: httpx2.Client
    erased: str
    """The id of a statement of which words were erased."""


@contextmanager
def open_sample(server_url: str, template: str) -> Iterator[SampleRecord]:
    """A record in a database of its own, folded, with its APIs."""
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(url) as client,
    ):
        for path in seeds.files():
            lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
            assert {201} == {
                answer["status"] for answer in bodies.send(client, bodies.ndjson(lines))
            }
        bodies.register_all(client)
        bodies.post(client, "/v1/actors", bodies.actor("emma-2"))
        statement = bodies.statement(
            id=str(uuid4()),
            speakers=[{"actor": "emma-2", "role": f"{ERASED_WORDS} minister"}],
            content=bodies.content(text=f"We go to {ERASED_WORDS}."),
            evidence=[bodies.evidence(title=ERASED_WORDS, published_at="../2022-12")],
            said_at="../2022-12",
            stances=[{"topic": "talks", "stance": "support"}],
        )
        made = bodies.post(client, "/v1/statements", statement)["id"]
        position = bodies.position(actor="emma-2", basis=[made], effective="2022-12")
        bodies.post(client, "/v1/positions", position)
        bodies.post(
            client, "/v1/positions", bodies.position(effective="../2022-11", stance="oppose")
        )
        bodies.post(client, "/v1/positions", bodies.position(topic="tariffs", effective="2090"))
        wrong = bodies.post(client, "/v1/statements", bodies.FULL_STATEMENT)["id"]
        bodies.post(client, f"/v1/statements/{wrong}/retraction", bodies.retraction())
        right = bodies.post(client, "/v1/statements", bodies.FULL_STATEMENT)["id"]
        correction = bodies.correction({**bodies.FULL_STATEMENT, "said_at": "2022-11"})
        bodies.post(client, f"/v1/statements/{right}/corrections", correction)
        erasure = {"sections": ["content", "evidence", "roles"], "ground": "gdpr-17"}
        bodies.post(client, f"/v1/statements/{made}/erasure", erasure)
        with run_receiver() as receiver, run_delivery(store) as deliver:
            deliver()
            endpoint = create_endpoint(client, receiver.url(SECRET_PATH))["id"]
            bodies.post(client, "/v1/actors/emma-2/merge", {"into": "emma", "reason": "The same."})
            deliver()
            wait_until_settled(client, endpoint)
        store.sweep()
        yield SampleRecord(store, client, made)


def all_items(client: httpx2.Client, path: str, **params: object) -> list[dict[str, Any]]:
    """All items of a list of the read API, page by page."""
    items: list[dict[str, Any]] = []
    page = bodies.get(client, path, limit=500, **params)
    while True:
        items += page["items"]
        if page["next"] is None:
            return items
        page = bodies.get(client, path, limit=500, cursor=page["next"], **params)
