"""Requests that outlast their key: live streams, batches and slow bodies."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from onrecord.access import key_cache, long_requests
from onrecord.domain.ids import new_id
from tests.support.bodies import actor, get, line, ndjson, post
from tests.support.keys import give_key
from tests.support.store import Store


@pytest.fixture(autouse=True)
def _fast_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_requests, "CHECK_INTERVAL", 0.05)
    monkeypatch.setattr(key_cache, "FRESH", 0.05)
    monkeypatch.setattr(key_cache, "MAX_AGE", 0.1)


def test_a_live_stream_sends_nothing_once_its_key_is_revoked(
    client: httpx2.Client, store: Store
) -> None:
    id_ = new_id()
    headers = give_key(store.url, "read", id_=id_) | {"Accept": "text/event-stream"}
    post(client, "/v1/actors", actor("before"))
    with client.stream("GET", "/v1/events", headers=headers) as stream:
        texts = stream.iter_text()
        assert "before" in next(texts)
        client.delete(f"/v1/keys/{id_}")
        time.sleep(0.2)
        post(client, "/v1/actors", actor("after"))
        with pytest.raises(httpx2.RemoteProtocolError):  # it is not ended, but cut off
            next(texts)


def test_a_batch_records_nothing_once_its_key_is_revoked(
    client: httpx2.Client, store: Store
) -> None:
    id_ = new_id()
    headers = give_key(store.url, "write", id_=id_) | {"Content-Type": "application/x-ndjson"}

    def lines() -> Iterator[bytes]:
        yield ndjson([line("actor", "sent-before", actor("sent-before"))])
        client.delete(f"/v1/keys/{id_}")
        time.sleep(0.2)
        yield ndjson([line("actor", "sent-after", actor("sent-after"))])

    with pytest.raises(httpx2.TransportError):
        client.post("/v1/batch", content=lines(), headers=headers)
    assert not any("sent" in str(event.event) for event in store.events())


def test_a_slow_body_is_refused_if_its_key_is_revoked_meanwhile(
    client: httpx2.Client, store: Store
) -> None:
    id_ = new_id()
    headers = give_key(store.url, "write", id_=id_) | {"Content-Type": "application/json"}
    body: dict[str, Any] = actor("slow")

    def halves() -> Iterator[bytes]:
        text = json.dumps(body).encode()
        yield text[:10]
        client.delete(f"/v1/keys/{id_}")
        time.sleep(0.2)
        yield text[10:]

    answer = client.post("/v1/actors", content=halves(), headers=headers)
    assert (401, "The key was revoked.") == (answer.status_code, answer.json()["detail"][:20])
    assert get(client, "/v1/keys")["items"]
