"""Tests that every instant in an answer has one form: UTC with `Z`."""

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from httpx2 import Client

from onrecord.entrypoints.app_factory import create_app
from onrecord.kit.settings import Settings
from tests.support import bodies, postgres, webhooks
from tests.support.bodies import POSITION, STATEMENT, get, post
from tests.support.keys import KEY_ID
from tests.support.store import Store, open_store, run_api

INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*(Z|[+-]\d\d(?::\d\d)?|)")
SLUGS = {"actor": "emma", "topic": "talks"}


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    """Something of every kind that has an instant."""
    with run_api(store.url) as new_client:
        bodies.register_all(new_client)
        endpoint = webhooks.create_endpoint(new_client, "https://receiver.example/")["id"]
        post(new_client, "/v1/statements", bodies.statement(id=STATEMENT))
        post(new_client, "/v1/statements", bodies.statement())  # the same words: a finding
        gone = post(new_client, "/v1/statements", bodies.statement(said_at="2020"))["id"]
        post(new_client, f"/v1/statements/{gone}/retraction", bodies.retraction())
        post(new_client, "/v1/positions", bodies.position(id=POSITION, basis=[STATEMENT]))
        replacement = bodies.correction(bodies.position(basis=[STATEMENT], stance="oppose"))
        post(new_client, f"/v1/positions/{POSITION}/corrections", replacement)
        store.fan_out()
        for action, body in (
            ("replay", {"from_size": 0}),
            ("pause", {"reason": "Now."}),
            ("ping", None),
            ("rotate", None),
        ):
            address = f"/v1/endpoints/{endpoint}/{action}"
            content = json.dumps(body).encode() if body else b""
            headers = {"Content-Type": "application/json"} if body else {}
            answer = new_client.post(address, content=content, headers=headers)
            assert answer.is_success, answer.text
        with psycopg.connect(store.url) as conn:
            conn.execute("INSERT INTO projections.sweeps VALUES ('catch_up', now())")
            conn.execute(
                "UPDATE projections.checkpoints SET stopped_seq = 0, stopped_event = "
                "gen_random_uuid(), stopped_type = 't', stopped_error = 'e', stopped_since = now()"
                " WHERE name = 'topics'"
            )
        yield new_client


def addresses(client: Client) -> Iterator[str]:
    """An address of every GET operation that answers JSON, by the OpenAPI description."""
    endpoint = get(client, "/v1/endpoints")["items"][0]["id"]
    ids = {
        "statements": STATEMENT,
        "positions": POSITION,
        "keys": KEY_ID,
        "events": get(client, "/v1/events")["items"][0]["entry"]["id"],
        "endpoints": endpoint,
        "deliveries": get(client, f"/v1/endpoints/{endpoint}/deliveries")["items"][0]["id"],
    }
    for path, operations in get(client, "/openapi.json")["paths"].items():
        answers = operations.get("get", {"responses": {"200": {}}})["responses"]["200"]
        if "application/json" in answers.get("content", {}):
            kind = path.split("/")[2] if path.count("/") > 1 else ""
            query = {"/v1/names": "?kind=actor&name=emma", "/v1/quotes/check": "?text=talks"}
            yield path.format(**SLUGS, id=ids.get(kind)) + query.get(path, "")


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def instants(value: Any) -> list[str]:
    return [match[0] for text in strings(value) for match in INSTANT.finditer(text)]


def not_in_utc(value: Any) -> list[str]:
    return [instant for instant in instants(value) if not instant.endswith("Z")]


def test_every_instant_of_every_answer_ends_with_z(client: Client) -> None:
    answers = {address: client.get(address) for address in addresses(client)}
    # `/readyz` is 503, as a projection is stopped
    assert {"/readyz"} == {path for path, answer in answers.items() if answer.status_code != 200}
    others = {address: not_in_utc(answer.json()) for address, answer in answers.items()}
    assert {} == {address: found for address, found in others.items() if found}
    assert len(instants([answer.json() for answer in answers.values()])) > 50


def test_every_instant_of_the_answer_to_a_write_ends_with_z(client: Client) -> None:
    recorded = post(client, "/v1/topics", bodies.topic("new"))
    assert (1, []) == (len(instants(recorded)), not_in_utc(recorded))


def test_instants_of_the_examples_end_with_z() -> None:
    """The date of a statement aside, which is stored as given and may have any offset."""
    url: Any = "postgresql://nowhere"
    settings = Settings(database_url=url, broker_url="memory://")
    app = create_app(settings, frozenset({"write", "read", "audit", "webhooks"}))
    described = json.loads(json.dumps(app.openapi()))
    assert {"2022-03-20T09:30:00+01:00"} == set(not_in_utc(described))
