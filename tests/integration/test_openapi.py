"""Tests that every API conforms to its OpenAPI document, for valid and invalid requests.

Each operation is sent the example in the document and requests that Schemathesis generates, over
real HTTP. The record holds the seeds, and a statement and a position in every state.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Client

from tests.support import bodies, postgres, seeds, signed_log, webhooks
from tests.support.bodies import POSITION, STATEMENT, get, ndjson, post
from tests.support.openapi_requests import OPERATIONS, path_examples, send_all, send_checked
from tests.support.signed_ledgers import sign_ledger
from tests.support.store import Store, open_store, run_api

LEAST_SUCCESSFUL = 0.05
"""Of the requests to an operation: else its successful answers would hardly be checked."""


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the signer keeps outside the database."""
    return tmp_path_factory.mktemp("log")


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    with run_api(store.url) as new_client:
        new_client.post("/v1/batch", content=ndjson(seeds.lines()), headers=bodies.NDJSON)
        bodies.register_all(new_client)
        record_every_state(new_client)
        store.fan_out()
        yield new_client


def record_every_state(client: Client) -> None:
    """Full statements and positions: on record, corrected, erased and retracted."""
    full, position = bodies.FULL_STATEMENT, bodies.FULL_POSITION
    post(client, "/v1/statements", {**full, "id": STATEMENT})
    post(client, "/v1/positions", {**position, "id": POSITION, "basis": [STATEMENT]})
    post(client, f"/v1/statements/{STATEMENT}/corrections", bodies.correction(full))
    post(client, f"/v1/positions/{POSITION}/corrections", bodies.correction(position))
    erasure = bodies.FULL_BODIES[f"/v1/statements/{STATEMENT}/erasure"]
    erased = post(client, "/v1/statements", full)["id"]
    post(client, f"/v1/statements/{erased}/erasure", erasure)
    retracted = post(client, "/v1/statements", full)["id"]
    post(client, "/v1/positions", bodies.position(basis=[STATEMENT, erased, retracted]))
    post(client, f"/v1/statements/{retracted}/retraction", bodies.retraction())


def path_parameters(client: Client, store: Store, name: str) -> dict[str, Any]:
    """The examples in the document; ids of new things where the document cannot know any."""
    over: dict[str, Any] = {}
    if name.endswith("merge"):
        client.post("/v1/actors", json=bodies.actor("joe-biden"))
        other, into = ("merge", {"into": "biden"}) if "unmerge" in name else ("unmerge", {})
        client.post(f"/v1/actors/joe-biden/{other}", json={"reason": "For the test.", **into})
    elif "/v1/endpoints/{id}" in name or "/v1/deliveries/{id}" in name:
        endpoint = webhooks.create_endpoint(client, "https://hooks.example/")["id"]
        over = {"id": endpoint}
        if "/v1/deliveries/{id}" in name:
            post(client, "/v1/positions", bodies.position())
            store.fan_out()
            over = {"id": webhooks.deliveries(client, endpoint)[0]["id"]}
    elif "/v1/keys/{id}" in name:
        over = {"id": post(client, "/v1/keys", {"name": "Desk", "scopes": ["read"]})["id"]}
    return path_examples(name, over)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_conforms_to_the_document(
    client: Client, store: Store, log_folder: Path, name: str
) -> None:
    store.sweep()  # `/readyz` asks for a recent one
    path = path_parameters(client, store, name)
    sign_ledger(store.url, log_folder, signed_log.KEY)
    statuses = send_all(str(client.base_url), name, path)
    successful = sum(count for status, count in statuses.items() if status < 300)
    assert successful >= LEAST_SUCCESSFUL * statuses.total(), statuses


def test_statements_in_every_state_conform_to_the_document(client: Client) -> None:
    """Lists show those that stand; here is each one."""
    events = get(client, "/v1/events", type="statement.made", limit=1000)["items"]
    ids = [event["entry"]["id"] for event in events]
    for id_ in ids:
        case = OPERATIONS["GET /v1/statements/{id}"].Case(path_parameters={"id": id_})
        assert send_checked(str(client.base_url), case) == 200
