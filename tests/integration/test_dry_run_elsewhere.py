"""Dry runs of the webhooks API and of keys: the answer as it would be, and nothing changed."""

from typing import Any

import psycopg
from httpx2 import Client

from onrecord.domain.ids import new_id
from tests.support.bodies import expect_problem, get, ledger_size, post, register_all
from tests.support.openapi_requests import OPERATIONS
from tests.support.store import Store
from tests.support.webhooks import create_endpoint, deliveries

DRY = {"dry_run": "1"}
TABLES = ("webhooks.endpoints", "webhooks.deliveries", "access.keys", "webhooks.attempts")


def rows(store: Store) -> dict[str, Any]:
    """All rows of what these APIs change, and the size of the ledger."""
    counted: dict[str, Any] = {"ledger": ledger_size(store.url)}
    with psycopg.connect(store.url) as conn:
        for table in TABLES:
            if conn.execute("SELECT to_regclass(%s)", [table]).fetchone() != (None,):
                query = f"SELECT to_jsonb(t) - 'last_used_at' AS row FROM {table} t ORDER BY 1"
                counted[table] = conn.execute(query.encode()).fetchall()
    return counted


def test_every_post_of_the_webhooks_api_has_a_dry_run_that_changes_nothing(
    store: Store, client: Client
) -> None:
    register_all(client)
    endpoint = create_endpoint(client, "https://receiver.example/")["id"]
    post(client, "/v1/topics", {"id": "new", "label": "New", "proposition": "Do it"})
    store.fan_out()
    delivery = deliveries(client, endpoint)[0]["id"]
    at = f"/v1/endpoints/{endpoint}"
    requests: dict[str, Any] = {
        "/v1/endpoints": {"url": "https://other.example/"},
        "/v1/endpoints/dry-run": {"types": ["topic.registered"]},
        f"{at}/pause": {"reason": "Moving."},
        f"{at}/resume": None,
        f"{at}/ping": None,
        f"{at}/rotate": None,
        f"{at}/replay": {"from_size": 0},
        f"{at}/resend": {"failed_since": "2022-01-01T00:00:00Z"},
        f"/v1/deliveries/{delivery}/resend": None,
        "/v1/keys": {"name": "Desk", "scopes": ["read"]},
    }
    paths = {f"POST {path.replace(endpoint, '{id}')}" for path in requests}
    covered = {path.replace(f"/deliveries/{delivery}/", "/deliveries/{id}/") for path in paths}
    posts = {name for name in OPERATIONS if name.startswith("POST ")}
    assert covered == {
        name for name in posts if name.startswith(("POST /v1/end", "POST /v1/del", "POST /v1/keys"))
    }
    before = rows(store)
    answers = {}
    for path, body in requests.items():
        answer = client.post(path, json=body, params=DRY) if body else client.post(path, params=DRY)
        assert answer.status_code == 200, (path, answer.text)
        assert before == rows(store), path
        answers[path] = answer.json()
    assert answers["/v1/endpoints"]["url"] == "https://other.example/"
    assert answers[f"{at}/pause"]["paused"]["reason"] == "Moving."
    assert answers[f"{at}/ping"]["attempts"] == []
    assert (answers["/v1/keys"]["name"], answers["/v1/keys"]["token"]) == ("Desk", None)
    assert get(client, "/v1/endpoints")["items"][0]["paused"] is None


def test_a_dry_run_is_refused_as_the_request_would_be(store: Store, client: Client) -> None:
    refused = client.post("/v1/endpoints", json={"url": "http://10.0.0.1/"}, params=DRY)
    expect_problem(refused, 422, "invalid")
    expect_problem(
        client.post(f"/v1/endpoints/{new_id()}/rotate", params=DRY), 404, "unknown-endpoint"
    )
    key = {"id": str(new_id()), "name": "Desk", "scopes": ["read"]}
    assert client.post("/v1/keys", json=key, params=DRY).json()["id"] == key["id"]
    assert post(client, "/v1/keys", key)["token"]
    repeat = client.post("/v1/keys", json=key, params=DRY)
    assert (200, "true") == (repeat.status_code, repeat.headers["Idempotent-Replay"])
    expect_problem(
        client.post("/v1/keys", json={**key, "name": "Other"}, params=DRY), 422, "id-reused"
    )
