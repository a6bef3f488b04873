"""Agreement of the APIs: the same answer about the same entity, wherever it is read."""

import threading
from uuid import UUID, uuid4

from httpx2 import Client

from onrecord.domain.ids import additional_event_id
from onrecord.query.alternatives import MAX_CANDIDATES
from tests.support import bodies
from tests.support.store import Store


def post_new(client: Client, path: str, body: dict[str, object]) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text


def test_a_step_is_the_same_in_timeline_changes_and_position(client: Client, store: Store) -> None:
    post_new(client, "/v1/actors", bodies.actor("emma"))
    post_new(client, "/v1/topics", bodies.topic("talks"))
    for year, stance in (("2020", "support"), ("2021", "support"), ("2022", "oppose")):
        body = bodies.position(actor="emma", topic="talks", stance=stance, effective=year, basis=[])
        post_new(client, "/v1/positions", body)
    store.catch_up()
    pair = "/v1/actors/emma/topics/talks"
    timeline = client.get(f"{pair}/timeline").json()["items"]
    assert client.get("/v1/changes").json()["items"] == timeline[::-1]
    assert ["2020", "2020", "2022"] == [step["since"] for step in timeline]
    assert "2020" == timeline[-1]["previous"]["since"]
    current = client.get(f"{pair}/position").json()
    shared = ("id", "stance", "since", "kind", "change_size", "previous")
    assert {name: timeline[-1][name] for name in shared} == {name: current[name] for name in shared}
    listed = {**timeline[-1], "alternatives": []}
    assert [listed] == client.get("/v1/actors/emma/positions").json()["items"]
    assert [listed] == client.get("/v1/topics/talks/positions").json()["items"]


def test_alternatives_of_changes_too_many_to_list_are_null(client: Client, store: Store) -> None:
    post_new(client, "/v1/actors", bodies.actor("emma"))
    post_new(client, "/v1/topics", bodies.topic("talks"))
    lines = [
        bodies.line("position", uuid4(), bodies.position(effective=date, basis=[]))
        for date in (*["2021"] * MAX_CANDIDATES, "2021-06", "2020", "2020-06")
    ]
    assert {201} == {line["status"] for line in bodies.send(client, bodies.ndjson(lines))}
    store.catch_up()
    items = client.get("/v1/changes", params={"limit": 500}).json()["items"]
    by_date = {item["effective"]: item["alternatives"] for item in items}
    assert by_date["2021-06"] is None
    assert [None] == [step["id"] for step in by_date["2020-06"]]


def test_the_problem_names_the_key_that_was_used_with_another_body(client: Client) -> None:
    post_new(client, "/v1/actors", bodies.actor("emma"))
    post_new(client, "/v1/topics", bodies.topic("talks"))
    body = bodies.position(actor="emma", topic="talks", basis=[])
    body.pop("id", None)
    key = {"Idempotency-Key": "one"}
    assert 201 == client.post("/v1/positions", json=body, headers=key).status_code
    other = client.post("/v1/positions", json={**body, "order": 7}, headers=key)
    assert 422 == other.status_code
    assert ["Idempotency-Key"] == [error["parameter"] for error in other.json()["errors"]]


def test_an_etag_matches_in_every_form_of_if_none_match(client: Client, store: Store) -> None:
    post_new(client, "/v1/actors", bodies.actor("emma"))
    store.catch_up()
    etag = client.get("/v1/actors/emma").headers["ETag"]
    for sent in (etag, etag.removeprefix("W/"), f'"x", {etag}', "*"):
        again = client.get("/v1/actors/emma", headers={"If-None-Match": sent})
        assert 304 == again.status_code
    assert 200 == client.get("/v1/actors/emma", headers={"If-None-Match": '"x"'}).status_code


def test_a_read_with_min_size_sees_a_write_at_the_time_of_its_recording(
    client: Client, store: Store
) -> None:
    post_new(client, "/v1/actors", bodies.actor("emma"))
    post_new(client, "/v1/topics", bodies.topic("talks"))
    body = bodies.position(actor="emma", topic="talks", basis=[])
    written = client.post("/v1/positions", json=body).json()
    folding = threading.Timer(0.1, store.catch_up)
    folding.start()
    params = {"known_at": written["recorded_at"], "min_size": written["size"]}
    read = client.get("/v1/actors/emma/topics/talks/position", params=params).json()
    folding.join()
    assert (written["size"], written["id"]) == (read["known"]["size"], read["id"])


def test_a_position_may_have_an_id_that_a_statement_could_have_given_it(
    client: Client,
) -> None:
    """Ids of additional positions are derived from the statement's, so a client may use one."""
    post_new(client, "/v1/actors", bodies.actor("emma"))
    post_new(client, "/v1/topics", bodies.topic("talks"))
    plain = bodies.statement(id=str(uuid4()))
    post_new(client, "/v1/statements", plain)
    post_new(client, "/v1/topics", bodies.topic("other"))
    position = bodies.position(actor="emma", topic="talks", basis=[plain["id"]])
    post_new(
        client, "/v1/positions", {**position, "id": str(additional_event_id(UUID(plain["id"]), 0))}
    )
    assert 200 == client.post("/v1/statements", json=plain).status_code
    other = {**plain, "positions": [{k: v for k, v in position.items() if k != "basis"}]}
    assert 422 == client.post("/v1/statements", json=other).status_code
