"""Keys over HTTP: how they come and go, what they leave on record, and how often they may call."""

import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from onrecord.access import key_cache
from onrecord.access.key_cache import MAX_AGE
from onrecord.domain.events import ActorRegistered, KeyCreated, KeyRevoked
from onrecord.domain.ids import new_id
from onrecord.kit.sql import db
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import seal_request
from tests.support.bodies import actor, get, line, ndjson, position, post, register_all
from tests.support.histories import registration
from tests.support.keys import HEADERS, KEY_ID, give_key
from tests.support.processes import until
from tests.support.store import Store, assert_equals_replay, run_api

DESK: dict[str, Any] = {"name": "Desk · Бюро", "scopes": ["read", "write"]}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_key_works_from_its_creation_to_its_revocation(
    client: httpx2.Client, store: Store
) -> None:
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    created = post(client, "/v1/keys", {**DESK, "expires_at": expires_at.isoformat()})
    headers = bearer(created.pop("token"))
    me = client.get("/v1/me", headers=headers).json()
    assert me["expires_at"] == expires_at.isoformat().replace("+00:00", "Z")
    assert {**DESK, "id": created["id"]} == {name: me[name] for name in ("id", "name", "scopes")}
    answer = client.post("/v1/actors", json=actor("emma"), headers=headers)
    assert answer.status_code == 201
    assert get(client, f"/v1/keys/{created['id']}") == created

    for _ in range(2):  # safe to repeat
        assert client.delete(f"/v1/keys/{created['id']}").status_code == 204
    refused = client.get("/v1/me", headers=headers)
    assert (401, "The key was revoked.") == (refused.status_code, refused.json()["detail"][:20])

    made, registered, revoked = store.events()
    assert made.event == KeyCreated(
        name=DESK["name"],
        scopes=("read", "write"),
        expires_at=expires_at.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
    )
    assert revoked.event == KeyRevoked(key=made.id)
    assert [made.recorded_by, registered.recorded_by] == [str(KEY_ID), str(made.id)]
    on_record = get(client, f"/v1/events/{registered.recorded_by}")
    assert on_record["payload"]["names"]["value"] == {"name": DESK["name"]}
    store.catch_up()
    assert get(client, "/v1/actors/emma")["recorded_by"] == created["id"]
    assert_equals_replay(store)
    page = get(client, "/v1/events", type="key.revoked")
    assert [item["entry"]["data"] for item in page["items"]] == [{"key": created["id"]}]


def test_lists_of_keys_have_pages_and_no_secrets(client: httpx2.Client, store: Store) -> None:
    tokens = [post(client, "/v1/keys", DESK)["token"] for _ in range(3)]
    first = client.get("/v1/keys", params={"limit": 2})
    second = client.get("/v1/keys", params={"limit": 2, "cursor": first.json()["next"]})
    items = [*first.json()["items"], *second.json()["items"]]
    assert [item["name"] for item in items] == ["tests", *[DESK["name"]] * 3]
    assert second.json()["next"] is None
    secrets = [token[-64:] for token in tokens]
    with psycopg.connect(store.url) as conn:
        stored = conn.execute("SELECT k::text FROM access.keys k").fetchall()
        entries = conn.execute("SELECT convert_from(entry, 'UTF8') FROM ledger.entries").fetchall()
    for text in (first.text, second.text, str(stored), str(entries)):
        assert not any(secret in text for secret in secrets)


def test_no_id_hides_a_key_from_the_list(client: httpx2.Client) -> None:
    post(client, "/v1/keys", {**DESK, "id": str(UUID(int=0))})
    assert [key["id"] for key in get(client, "/v1/keys")["items"]] == [
        str(UUID(int=0)),
        str(KEY_ID),
    ]


def test_a_repeated_creation_makes_no_second_key(client: httpx2.Client, store: Store) -> None:
    body = {**DESK, "id": str(new_id())}
    token = post(client, "/v1/keys", body)["token"]
    again = client.post("/v1/keys", json=body)
    assert (200, "true") == (again.status_code, again.headers["Idempotent-Replay"])
    assert again.json()["token"] is None
    assert client.get("/v1/me", headers=bearer(token)).status_code == 200
    other = client.post("/v1/keys", json={**body, "scopes": ["admin"]})
    assert (422, "/id") == (other.status_code, other.json()["errors"][0]["pointer"])
    assert [type(event.event) for event in store.events()] == [KeyCreated]


def test_what_a_kill_interrupted_is_completed_by_a_repeat(
    client: httpx2.Client, store: Store
) -> None:
    """Between the event and the row of a new key, and between row and event of a revoked one."""
    body = {**DESK, "id": str(new_id())}
    token = post(client, "/v1/keys", body)["token"]
    with psycopg.connect(store.url) as conn:  # as the kill would have left it
        conn.execute("DELETE FROM access.keys WHERE id = %s", [body["id"]])
    with run_api(store.url) as restarted:
        assert restarted.get("/v1/me", headers=bearer(token)).status_code == 401
        token = post(restarted, "/v1/keys", body)["token"]
        assert restarted.get("/v1/me", headers=bearer(token)).status_code == 200
    with psycopg.connect(store.url) as conn:
        conn.execute("UPDATE access.keys SET revoked_at = now() WHERE id = %s", [body["id"]])
    with run_api(store.url) as restarted:
        assert restarted.get("/v1/me", headers=bearer(token)).status_code == 401
        assert restarted.delete(f"/v1/keys/{body['id']}").status_code == 204
    assert [type(event.event) for event in store.events()] == [KeyCreated, KeyRevoked]


UNFIT: Final[list[tuple[dict[str, Any], str]]] = [
    ({"scopes": []}, "/scopes"),
    ({"scopes": ["root"]}, "/scopes/0"),
    ({"scopes": ["read", "read"]}, "/scopes/1"),
    ({"name": " "}, "/name"),
    ({"name": "x" * 201}, "/name"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
    ({"expires_at": "2099-01-01T00:00:00"}, "/expires_at"),
    ({"id": "1"}, "/id"),
    ({"token": "mine"}, "/token"),
    ({"expires_at": "9999-12-31T23:59:59-14:00"}, "/expires_at"),
]


def test_a_key_that_cannot_be_is_refused(client: httpx2.Client, store: Store) -> None:
    for body, pointer in UNFIT:
        answer = client.post("/v1/keys", json={**DESK, **body})
        assert (422, pointer) == (answer.status_code, answer.json()["errors"][0]["pointer"])
    assert client.delete(f"/v1/keys/{uuid4()}").status_code == 404
    assert store.events() == []


def test_a_key_that_another_process_revoked_is_refused_within_seconds(
    client: httpx2.Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(key_cache, "time", SimpleNamespace(monotonic=lambda: clock.now))
    created = post(client, "/v1/keys", DESK)
    with run_api(store.url) as other:
        headers = bearer(created["token"])
        assert other.get("/v1/me", headers=headers).status_code == 200
        assert client.delete(f"/v1/keys/{created['id']}").status_code == 204
        assert other.get("/v1/me", headers=headers).status_code == 200  # it is known, and fresh
        clock.now = MAX_AGE
        assert other.get("/v1/me", headers=headers).status_code == 401


def test_an_expired_key_is_refused(client: httpx2.Client, store: Store) -> None:
    headers = give_key(store.url, id_=new_id(), expires_at=datetime.now(UTC) - timedelta(hours=1))
    answer = client.get("/v1/me", headers=headers)
    assert (401, "The key expired.") == (answer.status_code, answer.json()["detail"][:16])


def test_the_last_use_is_noted_and_refusals_are_no_use(store: Store) -> None:
    with run_api(store.url) as client:
        unused = post(client, "/v1/keys", DESK)
        wrong = unused["token"][:-64] + "0" * 64
        assert client.get("/v1/me", headers=bearer(wrong)).status_code == 401
    with run_api(store.url) as client:  # the first has noted its uses when it stopped
        keys = {key["id"]: key["last_used_at"] for key in get(client, "/v1/keys")["items"]}
    assert keys[str(KEY_ID)] is not None
    assert keys[unused["id"]] is None


def test_an_idempotency_key_belongs_to_its_caller(client: httpx2.Client, store: Store) -> None:
    register_all(client)
    desks = [post(client, "/v1/keys", DESK) for _ in range(2)]
    ids = []
    for stance, desk in zip(("support", "oppose"), desks, strict=True):
        headers = {**bearer(desk["token"]), "Idempotency-Key": "same"}
        body = position(stance=stance)
        first, again = (client.post("/v1/positions", json=body, headers=headers) for _ in range(2))
        assert [201, 200] == [first.status_code, again.status_code]
        ids.append(first.json()["id"])
    assert len(set(ids)) == 2
    events = {str(event.id): event.recorded_by for event in store.events()}
    assert [events[id_] for id_ in ids] == [desk["id"] for desk in desks]


def test_entries_of_one_batch_name_the_caller_of_each(client: httpx2.Client, store: Store) -> None:
    tokens = {desk["id"]: desk["token"] for desk in (post(client, "/v1/keys", DESK) for _ in "abc")}

    def write(id_: str, number: int) -> None:
        name = f"a{UUID(id_).hex}-{number}"
        lines = ndjson([line("actor", name, actor(name))])
        headers = {**bearer(tokens[id_]), "Content-Type": "application/x-ndjson"}
        assert client.post("/v1/batch", content=lines, headers=headers).status_code == 200

    with ThreadPoolExecutor(8) as pool:
        for write_ in [pool.submit(write, id_, n) for id_ in tokens for n in range(10)]:
            write_.result()
    writers = [
        (event.event.id[1:33], UUID(event.recorded_by).hex)
        for event in store.events()
        if isinstance(event.event, ActorRegistered)
    ]
    assert len(writers) == 30
    assert all(name == recorded_by for name, recorded_by in writers)


def test_a_transaction_holds_writes_of_several_callers(store: Store) -> None:
    with db.connect(store.url, role="onrecord_ingest") as conn:
        writes = [
            seal_request(registration(ActorRegistered(id=name, kind="person")), name)
            for name in ("ann", "bob")
        ]
        append(conn, writes)
    assert [event.recorded_by for event in store.events()] == ["ann", "bob"]


def test_a_refused_request_is_answered_before_its_body_is_sent(client: httpx2.Client) -> None:
    assert client.base_url.port
    with socket.create_connection(("127.0.0.1", client.base_url.port), timeout=120) as wire:
        wire.sendall(
            b"POST /v1/statements HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000000\r\n\r\n"
        )
        assert wire.recv(65_536).startswith(b"HTTP/1.1 401 ")


def test_several_authorization_headers_are_refused(client: httpx2.Client) -> None:
    headers = [(name, value) for _ in range(2) for name, value in HEADERS.items()]
    assert client.get("/v1/me", headers=headers).status_code == 401


def test_requests_are_limited_for_each_key_and_each_address(store: Store) -> None:
    with run_api(store.url, rate_per_key="3/hour", rate_per_address="2/hour") as client:
        other = give_key(store.url, id_=new_id())
        wrong = {"Authorization": HEADERS["Authorization"][:-1] + "0"}
        guesses = [client.get("/v1/me", headers=wrong) for _ in range(4)]
        assert [401, 401, 429, 429] == [guess.status_code for guess in guesses]
        assert int(guesses[-1].headers["Retry-After"]) > 60
        assert guesses[-1].json()["type"].endswith("/rate-limited")
        # a key that this process knows is not held back by what others do at its address
        assert [200] * 3 + [429] == [client.get("/v1/me").status_code for _ in range(4)]
        del client.headers["Authorization"]
        assert client.get("/docs").status_code == 429
        assert client.get("/healthz").status_code == 200
        assert client.get("/v1/me", headers=other).status_code == 429  # it is not known yet


def test_requests_without_a_key_keep_no_key_out(store: Store) -> None:
    with run_api(store.url, rate_per_address="2/hour") as client:
        headers = dict(client.headers)
        del client.headers["Authorization"]
        assert [200, 200, 429] == [client.get("/docs").status_code for _ in range(3)]
        assert client.get("/v1/me", headers=headers).status_code == 200


def test_a_forged_address_of_origin_is_not_believed(store: Store) -> None:
    with run_api(store.url, rate_per_address="1/hour") as client:
        del client.headers["Authorization"]
        answers = [
            client.get("/docs", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code
            for n in range(2)
        ]
    assert [200, 429] == answers


def test_while_keys_cannot_be_read_requests_are_answered_503(
    server_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_api(store.url) as client, psycopg.connect(server_url, autocommit=True) as admin:
        name = store.url.rpartition("/")[2].partition("?")[0]
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        answer = client.get("/v1/me")
        assert (503, "1") == (answer.status_code, answer.headers["Retry-After"])
        assert client.get("/healthz").status_code == 200
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
        until(lambda: client.get("/v1/me").status_code == 200, "keys are read again", pause=0.1)
