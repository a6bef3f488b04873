"""Tests of the endpoint routes: creation, changes, lists, and refusals that name the field."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from httpx2 import Client

from onrecord.kit.http import paging
from onrecord.kit.sql import db
from tests.support import bodies, postgres
from tests.support.bodies import error_places, expect_problem
from tests.support.store import Store, open_store, run_api
from tests.support.webhooks import create_endpoint

URL = "https://hooks.example/in"


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new:
        yield new


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    with run_api(store.url) as new:
        bodies.register_all(new)
        yield new


def path(endpoint: dict[str, Any], more: str = "") -> str:
    return f"/v1/endpoints/{endpoint['id']}{more}"


def test_a_new_endpoint_starts_at_the_ledgers_size_and_shows_its_secret_once(
    client: Client,
) -> None:
    fields = {"actors": ["emma"], "topics": ["talks"], "kinds": ["reversed"], "ordered": True}
    endpoint = create_endpoint(client, URL, description="The desk's", **fields)
    size = client.get("/v1/events", params={"limit": 1000}).json()["items"][-1]["entry"]["seq"] + 1
    assert (size, URL, "The desk's") == (endpoint["size"], endpoint["url"], endpoint["description"])
    assert fields == {name: endpoint[name] for name in fields}
    secret = endpoint.pop("secret")
    assert secret.startswith("whsec_")
    assert endpoint == bodies.get(client, path(endpoint))
    listed = client.get("/v1/endpoints", params={"limit": 500}).text
    assert secret not in listed


def test_endpoints_are_listed_in_pages(client: Client) -> None:
    created = [create_endpoint(client, URL)["id"] for _ in range(5)]
    listed: list[str] = []
    page = client.get("/v1/endpoints", params={"limit": 2})
    while True:
        listed += [endpoint["id"] for endpoint in page.json()["items"]]
        if page.json()["next"] is None:
            break
        page = client.get(page.headers["Link"].split(">")[0][1:])
    assert created == [id_ for id_ in listed if id_ in created]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("key", [[0, "x"], [0, ""], ["x"], [-1], [2**63], {}, None], ids=str)
def test_an_invalid_cursor_is_refused(client: Client, key: Any) -> None:
    endpoint = create_endpoint(client, URL)
    for where in ("/v1/endpoints", path(endpoint, "/deliveries"), path(endpoint, "/feed")):
        for parts in (key, [paging.digest(where, []), *(key or [])]):
            cursor = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()
            expect_problem(client.get(where, params={"cursor": cursor}), 422, "invalid")


INVALID: list[tuple[dict[str, Any], list[str]]] = [
    ({"url": "ftp://hooks.example/"}, ["/url"]),
    ({"url": "https://10.0.0.1/"}, ["/url"]),
    ({"url": "https://me:secret@hooks.example/"}, ["/url"]),
    ({"url": "http://[::1]/"}, ["/url"]),
    ({"url": ""}, ["/url"]),
    ({"url": URL, "bogus": 1}, ["/bogus"]),
    ({"url": URL, "types": ["position.moved"]}, ["/types/0"]),
    ({"url": URL, "types": "position.changed"}, ["/types"]),
    ({"url": URL, "kinds": ["moved"]}, ["/kinds/0"]),
    ({"url": URL, "types": ["statement.made"], "kinds": ["reversed"]}, ["/kinds"]),
    ({"url": URL, "ordered": "yes"}, ["/ordered"]),
    ({"url": URL, "description": ""}, ["/description"]),
    ({}, ["/url"]),
]


@pytest.mark.parametrize(("body", "at"), INVALID, ids=str)
def test_an_invalid_endpoint_is_refused_with_its_field(
    client: Client, body: dict[str, Any], at: list[str]
) -> None:
    assert at == error_places(
        expect_problem(client.post("/v1/endpoints", json=body), 422, "invalid")
    )


def test_unknown_names_are_refused_with_the_nearest_slugs(client: Client) -> None:
    body = {"url": URL, "actors": ["emma", "minister"], "topics": ["tarifs"]}
    for where in ("/v1/endpoints", "/v1/endpoints/dry-run"):
        given = body if where == "/v1/endpoints" else {**body, "url": None}
        given = {name: value for name, value in given.items() if value}
        problem = expect_problem(client.post(where, json=given), 422, "unknown-reference")
        assert ["/actors/1", "/topics/0"] == error_places(problem)
        assert "'ministry'" in problem["errors"][0]["message"]
        assert "'tariffs'" in problem["errors"][1]["message"]


def test_a_patch_changes_only_the_given_fields(client: Client, store: Store) -> None:
    endpoint = create_endpoint(client, URL, actors=["emma"], types=["position.changed"])
    changed = client.patch(path(endpoint), json={"topics": ["talks"], "actors": []}).json()
    assert ([], ["talks"], ["position.changed"]) == tuple(
        changed[name] for name in ("actors", "topics", "types")
    )
    store.fan_out()
    bodies.post(client, "/v1/positions", bodies.position(actor="ministry"))
    bodies.post(client, "/v1/positions", bodies.position(topic="tariffs"))
    store.fan_out()
    items = bodies.get(client, path(endpoint, "/deliveries"))["items"]
    assert 1 == len(items)
    for body, at in (
        ({"url": None}, ["/url"]),
        ({"url": "http://127.1/"}, ["/url"]),
        ({"kinds": ["reversed"], "types": ["statement.made"]}, ["/kinds"]),
        ({"types": ["position.moved"]}, ["/types/0"]),
        ({"size": 0}, ["/size"]),
    ):
        assert at == error_places(
            expect_problem(client.patch(path(endpoint), json=body), 422, "invalid")
        )
    assert changed == bodies.get(client, path(endpoint))


def test_unknown_endpoints_and_deliveries_are_not_found(client: Client) -> None:
    unknown = f"/v1/endpoints/{uuid4()}"
    requests = [
        *(("GET", unknown + more) for more in ("", "/deliveries", "/feed")),
        *(("POST", unknown + more) for more in ("/resume", "/ping", "/rotate")),
        ("DELETE", unknown),
    ]
    for method, where in requests:
        expect_problem(client.request(method, where), 404, "unknown-endpoint")
    since = {"failed_since": "2022-01-01T00:00:00Z"}
    for more, body in (("/pause", {}), ("/replay", {"from_size": 0}), ("/resend", since)):
        expect_problem(client.post(unknown + more, json=body), 404, "unknown-endpoint")
    expect_problem(client.patch(unknown, json={}), 404, "unknown-endpoint")
    expect_problem(client.get("/v1/deliveries/1000000"), 404, "unknown-delivery")
    expect_problem(client.post("/v1/deliveries/1000000/resend"), 404, "unknown-delivery")


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({}, ["/from_size"]),
        ({"from_size": 0, "since": "2022-01-01T00:00:00Z"}, ["/from_size"]),
        ({"from_size": 10**9}, ["/from_size"]),
        ({"from_size": -1}, ["/from_size"]),
        ({"since": "2022-01-01T00:00:00"}, ["/since"]),
        ({"since": "yesterday"}, ["/since"]),
    ],
    ids=str,
)
def test_a_replay_without_a_valid_start_is_refused(
    client: Client, body: Any, at: list[str]
) -> None:
    endpoint = create_endpoint(client, URL)
    assert at == error_places(
        expect_problem(client.post(path(endpoint, "/replay"), json=body), 422, "invalid")
    )


def test_a_replay_since_a_time_starts_with_the_event_recorded_then(
    client: Client, store: Store
) -> None:
    endpoint = create_endpoint(client, URL, types=["position.changed"])
    store.fan_out()
    first, second = (
        bodies.post(client, "/v1/positions", bodies.position(effective=f"202{n}")) for n in range(2)
    )
    store.fan_out()
    replay = client.post(path(endpoint, "/replay"), json={"since": second["recorded_at"]}).json()
    assert (second["seq"], second["size"], 1) == tuple(
        replay[name] for name in ("from_size", "to_size", "events")
    )
    assert first["seq"] < second["seq"]


def test_a_pause_shows_its_reason_and_a_second_pause_changes_nothing(client: Client) -> None:
    endpoint = create_endpoint(client, URL)
    paused = client.post(path(endpoint, "/pause"), json={"reason": "Moving."}).json()["paused"]
    again = client.post(path(endpoint, "/pause"), json={"reason": "Another."}).json()["paused"]
    assert ("Moving.", paused) == (paused["reason"], again)
    assert client.post(path(endpoint, "/resume")).json()["paused"] is None
    assert client.post(path(endpoint, "/resume")).json()["paused"] is None


def test_a_rotation_returns_a_new_secret_and_when_the_old_one_expires(client: Client) -> None:
    endpoint = create_endpoint(client, URL)
    rotated = client.post(path(endpoint, "/rotate")).json()
    assert rotated["secret"] != endpoint["secret"]
    assert (
        rotated["secret_overlap_until"]
        == bodies.get(client, path(endpoint))["secret_overlap_until"]
    )
    assert rotated["secret"] not in client.get(path(endpoint)).text


def test_only_the_webhooks_role_reads_secrets(store: Store) -> None:
    for role in ("onrecord_ingest", "onrecord_query", "onrecord_audit", "onrecord_projections"):
        with (
            db.connect(store.url, role=role) as conn,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            conn.execute("SELECT encrypted_secret FROM webhooks.endpoints")


def test_metrics_are_exposed_to_prometheus(client: Client) -> None:
    answer = client.get("/metrics")
    assert (200, "text/plain") == (answer.status_code, bodies.media_type(answer))
    for name in ("deliveries_pending", "oldest_due_seconds", "endpoints_paused", "events_behind"):
        assert f"onrecord_webhook_{name}" in answer.text


def test_openapi_has_an_example_of_every_type_of_event(client: Client) -> None:
    webhooks = client.get("/openapi.json").json()["webhooks"]
    examples = {
        name: webhook["post"]["requestBody"]["content"]["application/cloudevents+json"]["example"]
        for name, webhook in webhooks.items()
    }
    assert {name: name for name in examples} == {
        name: example["type"] for name, example in examples.items()
    }
    problem = expect_problem(client.get("/v1/events", params={"type": "no.such"}), 422, "invalid")
    listed = problem["errors"][0]["message"].removeprefix("is none of ").split(", ")
    assert {*webhooks} == {*listed, "endpoint.ping"}


def test_a_change_with_an_unknown_outcome_is_not_retried(client: Client, store: Store) -> None:
    """A second rotation would replace the old secret, which receivers may still use."""
    endpoint = create_endpoint(client, URL)
    with psycopg.connect(store.url, autocommit=True) as conn:
        conn.execute("""
            CREATE SEQUENCE public.tries;
            CREATE FUNCTION public.cut() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                PERFORM nextval('public.tries'), pg_terminate_backend(pg_backend_pid());
                RETURN NULL;
            END $$;
            CREATE TRIGGER cut AFTER UPDATE OF encrypted_secret ON webhooks.endpoints
                FOR EACH ROW EXECUTE FUNCTION public.cut();
        """)
        answer = client.post(path(endpoint, "/rotate"))
        conn.execute("DROP TRIGGER cut ON webhooks.endpoints")
        expect_problem(answer, 503, "database-unavailable")
        assert (1,) == conn.execute("SELECT last_value FROM public.tries").fetchone()
