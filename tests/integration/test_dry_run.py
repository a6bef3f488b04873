"""Dry runs of writes: the answer as it would be, and nothing recorded."""

import json
from uuid import uuid4

from httpx2 import Client, Response

from onrecord.ingest.batch_dry_run import MAX_LINES
from tests.support.bodies import (
    NDJSON,
    Json,
    actor,
    additional_position,
    correction,
    ledger_size,
    line,
    ndjson,
    position,
    post,
    register_all,
    retraction,
    statement,
)
from tests.support.committing import lock_held
from tests.support.store import Store
from tests.support.writes import ROUTES, write

DRY = {"dry_run": "1"}


def dry_batch(client: Client, *lines: dict[str, Json]) -> list[dict[str, Json]]:
    answer = client.post("/v1/batch", content=ndjson(lines), headers=NDJSON, params=DRY)
    assert 200 == answer.status_code
    return [json.loads(result) for result in answer.text.splitlines()]


def other_writes(client: Client) -> list[tuple[str, dict[str, Json]]]:
    """Valid writes to the routes that `write` does not make."""
    made = post(client, "/v1/statements", statement())["id"]
    ids = [{"id": str(uuid4())} for _ in range(3)]
    merge, unmerge = {"into": "ministry", "reason": "One."}, {"reason": "Two."}
    erasure = {"sections": ["content"], "ground": "gdpr-17"}
    return [
        (f"/v1/statements/{made}/erasure", erasure | ids[0]),
        ("/v1/actors/spokesman/merge", merge | ids[1]),
        ("/v1/actors/spokesman/unmerge", unmerge | ids[2]),
    ]


def test_a_dry_run_answers_as_the_write_would_and_records_nothing(
    store: Store, client: Client
) -> None:
    register_all(client)
    register_all(client, ["dry"], ["dry"])
    made = [write(client, "dry", route) for route in ROUTES]
    for path, body in [*made, *other_writes(client)]:
        before = ledger_size(store.url)
        forecast = client.post(path, json=body, params=DRY)
        assert (200, False) == (forecast.status_code, "Idempotent-Replay" in forecast.headers), path
        assert before == ledger_size(store.url)
        real = post(client, path, body)
        assert real["dry_run"] is False
        told_at = forecast.json()["recorded_at"]
        assert {**real, "dry_run": True, "recorded_at": told_at} == forecast.json()
        assert told_at <= real["recorded_at"]
        again = client.post(path, json=body, params=DRY)
        assert (200, "true") == (again.status_code, again.headers["Idempotent-Replay"])
        assert {**real, "dry_run": True} == again.json()


def test_a_dry_run_is_refused_with_the_problem_of_the_write(store: Store, client: Client) -> None:
    register_all(client)
    taken = post(client, "/v1/statements", statement(id=str(uuid4())))["id"]
    refused = {
        "/v1/actors": [actor("emma", kind="group"), {"id": "No slug"}],
        "/v1/statements": [
            statement(speakers=[{"actor": "nobody"}]),
            statement(id=taken, note="Another."),
            statement(said_at="2999"),
            statement(positions=[additional_position(expected_revision=7)]),
        ],
        f"/v1/statements/{uuid4()}/retraction": [retraction()],
        f"/v1/positions/{taken}/corrections": [correction(position())],
        "/v1/actors/emma/merge": [{"into": "emma", "reason": "Itself."}],
    }
    before = ledger_size(store.url)
    for path, bodies in refused.items():
        for body in bodies:
            forecast, real = (client.post(path, json=body, params=p) for p in (DRY, {}))
            assert problem(real) == problem(forecast)
            assert real.status_code in (404, 409, 422)
    assert before == ledger_size(store.url)


def problem(answer: Response) -> tuple[int, Json]:
    return answer.status_code, answer.json()


def test_a_line_of_a_dry_batch_sees_what_those_before_it_would_record(
    store: Store, client: Client
) -> None:
    register_all(client)
    id_, held = str(uuid4()), str(uuid4())
    lines = [
        line("statement", str(uuid4()), statement(speakers=[{"actor": "anna"}])),
        line("actor", "anna", actor("anna")),
        line("statement", id_, statement(speakers=[{"actor": "anna"}])),
        line("position", held, position(actor="anna", basis=[id_], expected_revision=0)),
        line("position", str(uuid4()), position(actor="anna", expected_revision=0)),
        line("retraction", str(uuid4()), retraction(), target=id_),
        line("retraction", str(uuid4()), retraction(), target=id_),
        line("statement", id_, statement(speakers=[{"actor": "anna"}])),
    ]
    before = ledger_size(store.url)
    forecast = dry_batch(client, *lines)
    assert before == ledger_size(store.url)
    assert [422, 201, 201, 201, 409, 201, 409, 200] == [result["status"] for result in forecast]
    assert [before + n for n in (0, 1, 2, 3)] == [
        result["seq"] for result in forecast if result["status"] == 201
    ]
    assert {True} == {result.pop("dry_run") for result in forecast}
    real = client.post("/v1/batch", content=ndjson(lines), headers=NDJSON).text.splitlines()
    assert [json.loads(result) for result in real[1:]] == forecast[1:]
    assert "nearest are 'emma'" in forecast[0]["problem"]["errors"][0]["message"]


def test_a_dry_batch_is_bounded(client: Client) -> None:
    lines = [line("actor", f"a{n}", actor(f"a{n}")) for n in range(MAX_LINES + 9)]
    *accepted, last = dry_batch(client, *lines)
    assert {201} == {result["status"] for result in accepted}
    assert (413, MAX_LINES + 1) == (last["status"], last["line"])


def test_dry_runs_need_no_lock_and_no_writer_waits_for_them(store: Store, client: Client) -> None:
    register_all(client)
    with lock_held(store.url):
        answer = client.post("/v1/statements", json=statement(), params=DRY)
    assert 200 == answer.status_code
    assert ledger_size(store.url) == answer.json()["seq"]
