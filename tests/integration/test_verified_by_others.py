"""Does others' code accept what a receiver is really sent, of every type of event?

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
from onrecord.webhooks.payload import PING
from tests.support import bodies, npm_verifier, webhooks
from tests.support.processes import until
from tests.support.receiver import Received, receiver
from tests.support.record import Record

SCHEMA = json.loads(
    (Path(__file__).parents[1] / "support/cloudevents/cloudevents.json").read_text()
)
TYPES = {type_ for type_, _ in EVENT_CLASSES} | {PING}


@pytest.fixture
def sent(client: Client, on_record: Record) -> tuple[list[str], list[Received]]:
    """The secrets, the old one and the new, and one delivery of each type at least."""
    with receiver() as there, webhooks.telling(on_record) as tell:
        made = webhooks.make(client, there.url())
        rotated = client.post(f"/v1/endpoints/{made['id']}/rotate").json()
        assert 202 == client.post(f"/v1/endpoints/{made['id']}/ping").status_code
        say_everything(client)
        written = tell()
        until(lambda: len(there.got) == written + 1, "all of it came")
    return [made["secret"], rotated["secret"]], there.got


def say_everything(client: Client) -> None:
    """An event of each type."""
    bodies.register_all(client, actors=[*bodies.ACTORS, "emma-2"])
    bodies.post(client, "/v1/actors/emma/revision", _but_id(bodies.actor(names=_NAMES)))
    bodies.post(client, "/v1/topics/talks/revision", _but_id(bodies.topic()))
    merge = {"into": "emma", "reason": "The same."}
    bodies.post(client, "/v1/actors/emma-2/merge", merge)
    bodies.post(client, "/v1/actors/emma-2/unmerge", {"reason": "Not the same."})
    words = bodies.content(text='Gespräche \u2028 \U0001f5f3 \\ " </script>', lang="de")
    said = bodies.statement(content=words, positions=[bodies.additional_position()])
    for made, state, path in (
        (said, bodies.statement, "statements"),
        (bodies.position(stance="oppose"), bodies.position, "positions"),
    ):
        id_ = bodies.post(client, f"/v1/{path}", made)["id"]
        bodies.post(client, f"/v1/{path}/{id_}/corrections", bodies.correction(state()))
        bodies.post(client, f"/v1/{path}/{id_}/retraction", bodies.retraction())
        if path == "statements":
            erasure = {"sections": ["content"], "ground": "gdpr-17"}
            bodies.post(client, f"/v1/statements/{id_}/erasure", erasure)


_NAMES = [{"name": "Emma Müller", "lang": "de"}]


def _but_id(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "id"}


def test_others_code_accepts_what_is_sent(sent: tuple[list[str], list[Received]]) -> None:
    secrets, got = sent
    assert TYPES == {one.json["type"] for one in got}
    schema = jsonschema_rs.Draft7Validator(SCHEMA, validate_formats=True)
    for one in got:
        for secret in secrets:
            assert one.json == standardwebhooks.Webhook(secret).verify(one.body, {**one.headers})
            svix.Webhook(secret).verify(one.body, {**one.headers})
        assert [] == [str(fault) for fault in schema.iter_errors(one.json)]
        event = from_http_event(HTTPMessage({**one.headers}, one.body))
        assert one.id == event.get_id() == one.json["id"]
        assert (one.json["type"], "1.0") == (event.get_type(), event.get_specversion())
        assert one.json["data"] == event.get_data()
        assert datetime.fromisoformat(one.json["time"]) == event.get_time()
        assert urlsplit(event.get_source()).scheme
        assert one.json.get("sequence") == event.get_extension("sequence")


def test_the_packages_of_npm_accept_what_is_sent(sent: tuple[list[str], list[Received]]) -> None:
    secrets, got = sent
    good = [(secret, one.headers, one.body) for one in got for secret in secrets]
    bad = [(secret, headers, body + b" ") for secret, headers, body in good]
    assert [npm_verifier.ACCEPTED] * len(good) == npm_verifier.verified(good)
    assert [npm_verifier.REFUSED] * len(bad) == npm_verifier.verified(bad)
