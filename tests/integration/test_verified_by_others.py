"""Tests that third-party libraries accept the deliveries of every type of event.

Signatures: `standardwebhooks` and `svix`, of PyPI and of npm. Bodies: the `cloudevents` SDK and the
JSON schema of CloudEvents.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import pytest
import standardwebhooks
import svix
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from httpx2 import Client

from onrecord.domain.events import EVENT_CLASSES
from onrecord.webhooks.payload import PING_TYPE
from tests.support import bodies, npm_verifier, webhooks
from tests.support.processes import until
from tests.support.receiver import ReceivedRequest, run_receiver
from tests.support.store import Store

SCHEMA = json.loads(
    (Path(__file__).parents[1] / "support/cloudevents/cloudevents.json").read_text()
)
TYPES = {type_ for type_, _ in EVENT_CLASSES} | {PING_TYPE}


@pytest.fixture
def delivered(client: Client, store: Store) -> tuple[list[str], list[ReceivedRequest]]:
    """Both secrets of a rotation, and at least one delivery of each type of event."""
    with run_receiver() as receiver, webhooks.run_delivery(store) as deliver:
        endpoint = webhooks.create_endpoint(client, receiver.url())
        rotated = client.post(f"/v1/endpoints/{endpoint['id']}/rotate").json()
        assert 202 == client.post(f"/v1/endpoints/{endpoint['id']}/ping").status_code
        record_every_type(client)
        written = deliver()
        until(lambda: len(receiver.requests) == written + 1, "all arrived")
    return [endpoint["secret"], rotated["secret"]], receiver.requests


def record_every_type(client: Client) -> None:
    """Record an event of each type."""
    bodies.register_all(client, actors=[*bodies.ACTORS, "emma-2"])
    bodies.post(client, "/v1/actors/emma/revision", _but_id(bodies.actor(names=_NAMES)))
    bodies.post(client, "/v1/topics/talks/revision", _but_id(bodies.topic()))
    merge = {"into": "emma", "reason": "The same."}
    bodies.post(client, "/v1/actors/emma-2/merge", merge)
    bodies.post(client, "/v1/actors/emma-2/unmerge", {"reason": "Not the same."})
    words = bodies.content(text='Gespräche \u2028 \U0001f5f3 \\ " </script>', lang="de")
    key = {"name": "Büro", "scopes": ["read"]}
    key_id = bodies.post(client, "/v1/keys", key)["id"]
    assert 204 == client.delete(f"/v1/keys/{key_id}").status_code
    statement = bodies.statement(content=words, positions=[bodies.additional_position()])
    for body, state, path in (
        (statement, bodies.statement, "statements"),
        (bodies.position(stance="oppose"), bodies.position, "positions"),
    ):
        id_ = bodies.post(client, f"/v1/{path}", body)["id"]
        if path == "statements":
            other = bodies.post(client, "/v1/statements", bodies.statement())
            bodies.post(client, "/v1/review/dismissals", same_words(id_, other))
        bodies.post(client, f"/v1/{path}/{id_}/corrections", bodies.correction(state()))
        bodies.post(client, f"/v1/{path}/{id_}/retraction", bodies.retraction())
        if path == "statements":
            erasure = {"sections": ["content"], "ground": "gdpr-17"}
            bodies.post(client, f"/v1/statements/{id_}/erasure", erasure)


def same_words(first: str, second: Mapping[str, Any]) -> dict[str, Any]:
    """The dismissal of a finding that two statements have the same words."""
    return {
        "kind": "same_words",
        "certainty": "definite",
        "statements": [first, second["id"]],
        "position": None,
        "known_size": second["size"],
        "reason": "Two reports.",
    }


_NAMES = [{"name": "Emma Müller", "lang": "de"}]


def _but_id(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "id"}


def test_python_libraries_accept_signatures_and_bodies(
    delivered: tuple[list[str], list[ReceivedRequest]],
) -> None:
    secrets, requests = delivered
    assert TYPES == {request.json["type"] for request in requests}
    schema = jsonschema_rs.Draft7Validator(SCHEMA, validate_formats=True)
    for request in requests:
        for secret in secrets:
            assert request.json == standardwebhooks.Webhook(secret).verify(
                request.body, {**request.headers}
            )
            svix.Webhook(secret).verify(request.body, {**request.headers})
        assert [] == [str(fault) for fault in schema.iter_errors(request.json)]
        event = from_http_event(HTTPMessage({**request.headers}, request.body))
        assert request.id == event.get_id() == request.json["id"]
        assert (request.json["type"], "1.0") == (event.get_type(), event.get_specversion())
        assert request.json["data"] == event.get_data()
        assert datetime.fromisoformat(request.json["time"]) == event.get_time()
        assert urlsplit(event.get_source()).scheme
        assert request.json.get("sequence") == event.get_extension("sequence")


def test_npm_packages_accept_signatures(delivered: tuple[list[str], list[ReceivedRequest]]) -> None:
    secrets, requests = delivered
    good = [(secret, request.headers, request.body) for request in requests for secret in secrets]
    bad = [(secret, headers, body + b" ") for secret, headers, body in good]
    assert [npm_verifier.ACCEPTED] * len(good) == npm_verifier.verify_with_npm(good)
    assert [npm_verifier.REFUSED] * len(bad) == npm_verifier.verify_with_npm(bad)
