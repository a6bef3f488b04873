"""Can people say where what is to be sent, and is what cannot be so refused with its field?"""

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from httpx2 import Client

from onrecord.kit.sql import db
from tests.support import bodies, postgres
from tests.support.bodies import error_places, expect_problem
from tests.support.record import Record, record, serving
from tests.support.webhooks import make

URL = "https://hooks.example/in"


@pytest.fixture(scope="module")
def on_record(server_url: str, template: str) -> Iterator[Record]:
    with postgres.database(server_url, template) as url, record(url) as made:
        yield made


@pytest.fixture(scope="module")
def client(on_record: Record) -> Iterator[Client]:
    with serving(on_record.url) as made:
        bodies.register_all(made)
        yield made


def path(made: dict[str, Any], more: str = "") -> str:
    return f"/v1/endpoints/{made['id']}{more}"


def test_an_endpoint_is_made_at_the_ledgers_size_and_its_secret_is_told_once(
    client: Client,
) -> None:
    asked = {"actors": ["emma"], "topics": ["talks"], "kinds": ["reversed"], "ordered": True}
    made = make(client, URL, description="The desk's", **asked)
    size = client.get("/v1/events", params={"limit": 1000}).json()["items"][-1]["entry"]["seq"] + 1
    assert (size, URL, "The desk's") == (made["size"], made["url"], made["description"])
    assert asked == {name: made[name] for name in asked}
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == bodies.get(client, path(made))
    listed = client.get("/v1/endpoints", params={"limit": 500}).text
    assert secret not in listed


def test_endpoints_are_listed_page_by_page(client: Client) -> None:
    made = [make(client, URL)["id"] for _ in range(5)]
    found: list[str] = []
    answer = client.get("/v1/endpoints", params={"limit": 2})
    while True:
        found += [one["id"] for one in answer.json()["items"]]
        if answer.json()["next"] is None:
            break
        answer = client.get(answer.headers["Link"].split(">")[0][1:])
    assert made == [one for one in found if one in made]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("key", [[0, "x"], [0, ""], ["x"], [-1], [2**63], {}, None], ids=str)
def test_a_cursor_that_no_list_gave_is_refused(client: Client, key: Any) -> None:
    made = make(client, URL)
    cursor = base64.urlsafe_b64encode(json.dumps(key).encode()).decode()
    for where in ("/v1/endpoints", path(made, "/deliveries"), path(made, "/feed")):
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
def test_what_cannot_be_an_endpoint_is_refused_with_its_field(
    client: Client, body: dict[str, Any], at: list[str]
) -> None:
    assert at == error_places(
        expect_problem(client.post("/v1/endpoints", json=body), 422, "invalid")
    )


def test_names_that_are_not_on_record_come_back_with_the_nearest(client: Client) -> None:
    body = {"url": URL, "actors": ["emma", "minister"], "topics": ["tarifs"]}
    for where in ("/v1/endpoints", "/v1/endpoints/dry-run"):
        given = body if where == "/v1/endpoints" else {**body, "url": None}
        given = {name: value for name, value in given.items() if value}
        problem = expect_problem(client.post(where, json=given), 422, "unknown-reference")
        assert ["/actors/1", "/topics/0"] == error_places(problem)
        assert "'ministry'" in problem["errors"][0]["message"]
        assert "'tariffs'" in problem["errors"][1]["message"]


def test_a_change_is_of_what_is_given_and_no_more(client: Client, on_record: Record) -> None:
    made = make(client, URL, actors=["emma"], types=["position.changed"])
    changed = client.patch(path(made), json={"topics": ["talks"], "actors": []}).json()
    assert ([], ["talks"], ["position.changed"]) == tuple(
        changed[name] for name in ("actors", "topics", "types")
    )
    on_record.fan_out()
    bodies.post(client, "/v1/positions", bodies.position(actor="ministry"))
    bodies.post(client, "/v1/positions", bodies.position(topic="tariffs"))
    on_record.fan_out()
    items = bodies.get(client, path(made, "/deliveries"))["items"]
    assert 1 == len(items)
    for body, at in (
        ({"url": None}, ["/url"]),
        ({"url": "http://127.1/"}, ["/url"]),
        ({"kinds": ["reversed"], "types": ["statement.made"]}, ["/kinds"]),
        ({"types": ["position.moved"]}, ["/types/0"]),
        ({"size": 0}, ["/size"]),
    ):
        assert at == error_places(
            expect_problem(client.patch(path(made), json=body), 422, "invalid")
        )
    assert changed == bodies.get(client, path(made))


def test_what_is_not_there_is_not_found(client: Client) -> None:
    none = f"/v1/endpoints/{uuid4()}"
    asked = [
        *(("GET", none + more) for more in ("", "/deliveries", "/feed")),
        *(("POST", none + more) for more in ("/resume", "/ping", "/rotate")),
        ("DELETE", none),
    ]
    for method, where in asked:
        expect_problem(client.request(method, where), 404, "unknown-endpoint")
    since = {"failed_since": "2022-01-01T00:00:00Z"}
    for more, body in (("/pause", {}), ("/replay", {"from_size": 0}), ("/resend", since)):
        expect_problem(client.post(none + more, json=body), 404, "unknown-endpoint")
    expect_problem(client.patch(none, json={}), 404, "unknown-endpoint")
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
def test_a_replay_from_nowhere_is_refused(client: Client, body: Any, at: list[str]) -> None:
    made = make(client, URL)
    assert at == error_places(
        expect_problem(client.post(path(made, "/replay"), json=body), 422, "invalid")
    )


def test_a_replay_since_a_time_begins_with_what_was_recorded_then(
    client: Client, on_record: Record
) -> None:
    made = make(client, URL, types=["position.changed"])
    on_record.fan_out()
    first, second = (
        bodies.post(client, "/v1/positions", bodies.position(effective=f"202{n}")) for n in range(2)
    )
    on_record.fan_out()
    replay = client.post(path(made, "/replay"), json={"since": second["recorded_at"]}).json()
    assert (second["seq"], second["size"], 1) == tuple(
        replay[name] for name in ("from_size", "to_size", "events")
    )
    assert first["seq"] < second["seq"]


def test_a_pause_says_why_and_a_second_one_changes_nothing(client: Client) -> None:
    made = make(client, URL)
    paused = client.post(path(made, "/pause"), json={"reason": "Moving."}).json()["paused"]
    again = client.post(path(made, "/pause"), json={"reason": "Another."}).json()["paused"]
    assert ("Moving.", paused) == (paused["reason"], again)
    assert client.post(path(made, "/resume")).json()["paused"] is None
    assert client.post(path(made, "/resume")).json()["paused"] is None


def test_a_rotation_tells_a_new_secret_and_until_when_the_old_one_signs(client: Client) -> None:
    made = make(client, URL)
    told = client.post(path(made, "/rotate")).json()
    assert told["secret"] != made["secret"]
    assert told["secret_overlap_until"] == bodies.get(client, path(made))["secret_overlap_until"]
    assert told["secret"] not in client.get(path(made)).text


def test_nobody_but_the_webhooks_role_reads_a_secret(on_record: Record) -> None:
    for role in ("onrecord_ingest", "onrecord_query", "onrecord_audit", "onrecord_projections"):
        with (
            db.connect(on_record.url, role=role) as conn,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            conn.execute("SELECT secret FROM webhooks.endpoints")


def test_figures_are_told_to_prometheus(client: Client) -> None:
    answer = client.get("/metrics")
    assert (200, "text/plain") == (answer.status_code, bodies.media_type(answer))
    for name in ("deliveries_pending", "oldest_due_seconds", "endpoints_paused", "events_behind"):
        assert f"onrecord_webhook_{name}" in answer.text


def test_the_description_has_an_example_of_every_type_of_event(client: Client) -> None:
    told = client.get("/openapi.json").json()
    examples = {
        name: one["post"]["requestBody"]["content"]["application/cloudevents+json"]["example"]
        for name, one in told["webhooks"].items()
    }
    assert {name: name for name in examples} == {
        name: example["type"] for name, example in examples.items()
    }
    types = set(bodies.get(client, "/openapi.json")["webhooks"])
    problem = expect_problem(client.get("/v1/events", params={"type": "no.such"}), 422, "invalid")
    listed = problem["errors"][0]["message"].removeprefix("is none of ").split(", ")
    assert types == {*listed, "endpoint.ping"}


def test_what_changes_an_endpoint_is_not_tried_twice_where_its_outcome_is_unknown(
    client: Client, on_record: Record
) -> None:
    """A second rotation would take the old secret's place, and what was signed by it be refused."""
    made = make(client, URL)
    with psycopg.connect(on_record.url, autocommit=True) as conn:
        conn.execute("""
            CREATE SEQUENCE public.tries;
            CREATE FUNCTION public.cut() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                PERFORM nextval('public.tries'), pg_terminate_backend(pg_backend_pid());
                RETURN NULL;
            END $$;
            CREATE TRIGGER cut AFTER UPDATE OF secret ON webhooks.endpoints
                FOR EACH ROW EXECUTE FUNCTION public.cut();
        """)
        answer = client.post(path(made, "/rotate"))
        conn.execute("DROP TRIGGER cut ON webhooks.endpoints")
        expect_problem(answer, 503, "database-unavailable")
        assert (1,) == conn.execute("SELECT last_value FROM public.tries").fetchone()
