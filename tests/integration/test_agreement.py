"""Do the doors say the same of one thing, and name what is to blame, wherever they are asked?"""

import threading
from uuid import UUID, uuid4

from httpx2 import Client

from onrecord.domain.ids import additional_event_id
from tests.support import bodies
from tests.support.record import Record


def recorded(client: Client, path: str, body: dict[str, object]) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text


def test_a_step_is_the_same_in_the_timeline_in_the_changes_and_as_the_position(
    client: Client, on_record: Record
) -> None:
    recorded(client, "/v1/actors", bodies.actor("emma"))
    recorded(client, "/v1/topics", bodies.topic("talks"))
    for year, stance in (("2020", "support"), ("2021", "support"), ("2022", "oppose")):
        body = bodies.position(actor="emma", topic="talks", stance=stance, effective=year, basis=[])
        recorded(client, "/v1/positions", body)
    on_record.catch_up()
    pair = "/v1/actors/emma/topics/talks"
    line = client.get(f"{pair}/timeline").json()["items"]
    assert client.get("/v1/changes").json()["items"] == line[::-1]
    assert ["2020", "2020", "2022"] == [one["since"] for one in line]
    assert "2020" == line[-1]["previous"]["since"]
    now = client.get(f"{pair}/position").json()
    shared = ("id", "stance", "since", "kind", "change_size", "previous")
    assert {name: line[-1][name] for name in shared} == {name: now[name] for name in shared}
    assert line[-1:] == client.get("/v1/actors/emma/positions").json()["items"]
    assert line[-1:] == client.get("/v1/topics/talks/positions").json()["items"]


def test_a_key_used_with_another_body_is_what_the_problem_names(client: Client) -> None:
    recorded(client, "/v1/actors", bodies.actor("emma"))
    recorded(client, "/v1/topics", bodies.topic("talks"))
    body = bodies.position(actor="emma", topic="talks", basis=[])
    body.pop("id", None)
    key = {"Idempotency-Key": "one"}
    assert 201 == client.post("/v1/positions", json=body, headers=key).status_code
    other = client.post("/v1/positions", json={**body, "order": 7}, headers=key)
    assert 422 == other.status_code
    assert ["Idempotency-Key"] == [one["parameter"] for one in other.json()["errors"]]


def test_an_etag_is_known_again_however_it_is_written(client: Client, on_record: Record) -> None:
    recorded(client, "/v1/actors", bodies.actor("emma"))
    on_record.catch_up()
    etag = client.get("/v1/actors/emma").headers["ETag"]
    for sent in (etag, etag.removeprefix("W/"), f'"x", {etag}', "*"):
        again = client.get("/v1/actors/emma", headers={"If-None-Match": sent})
        assert 304 == again.status_code
    assert 200 == client.get("/v1/actors/emma", headers={"If-None-Match": '"x"'}).status_code


def test_a_write_is_seen_by_who_waits_for_it_at_the_time_of_its_recording(
    client: Client, on_record: Record
) -> None:
    recorded(client, "/v1/actors", bodies.actor("emma"))
    recorded(client, "/v1/topics", bodies.topic("talks"))
    body = bodies.position(actor="emma", topic="talks", basis=[])
    told = client.post("/v1/positions", json=body).json()
    folding = threading.Timer(0.1, on_record.catch_up)
    folding.start()
    asked = {"known_at": told["recorded_at"], "min_size": told["size"]}
    found = client.get("/v1/actors/emma/topics/talks/position", params=asked).json()
    folding.join()
    assert (told["size"], told["id"]) == (found["known"]["size"], found["id"])


def test_a_position_under_an_id_that_a_statement_could_have_given_it_is_its_own(
    client: Client,
) -> None:
    """Ids along follow from the statement's, so that anybody may use one as an id of their own."""
    recorded(client, "/v1/actors", bodies.actor("emma"))
    recorded(client, "/v1/topics", bodies.topic("talks"))
    plain = bodies.statement(id=str(uuid4()))
    recorded(client, "/v1/statements", plain)
    recorded(client, "/v1/topics", bodies.topic("other"))
    position = bodies.position(actor="emma", topic="talks", basis=[plain["id"]])
    recorded(
        client, "/v1/positions", {**position, "id": str(additional_event_id(UUID(plain["id"]), 0))}
    )
    assert 200 == client.post("/v1/statements", json=plain).status_code
    other = {**plain, "positions": [{k: v for k, v in position.items() if k != "basis"}]}
    assert 422 == client.post("/v1/statements", json=other).status_code
