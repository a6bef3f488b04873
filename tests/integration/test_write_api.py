"""Tests of the write API: a write is recorded once, and a refused write records nothing.

Over real HTTP and a real ledger, shared by this file; each test has its own actor and topic.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from httpx2 import Client, Response

from tests.support import bodies, postgres
from tests.support.bodies import error_places, expect_problem, get, ledger_size, post
from tests.support.store import Store, open_store, run_api
from tests.support.writes import ROUTES, position_body, statement_body, write

RESPONSE_FIELDS = {
    *("id", "event", "seq", "size", "recorded_at", "positions"),
    *("dry_run", "similar"),
}


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    with run_api(store.url) as new_client:
        bodies.register_all(new_client)
        yield new_client


@pytest.fixture
def slug(client: Client) -> str:
    """A new actor, and a topic of the same name."""
    name = f"x{uuid4().hex[:10]}"
    bodies.register_all(client, [name], [name])
    return name


def recorded_part(answer: Response) -> dict[str, Any]:
    """An answer without what is similar by now, which is not recorded."""
    return {name: value for name, value in answer.json().items() if name != "similar"}


@pytest.mark.parametrize("route", ROUTES)
def test_a_write_is_recorded_and_answered_once(
    client: Client, store: Store, slug: str, route: str
) -> None:
    path, body = write(client, slug, route)
    before = ledger_size(store.url)
    answer = client.post(path, json=body)
    result = answer.json()
    assert (answer.status_code, set(result)) == (201, RESPONSE_FIELDS)
    assert "Idempotent-Replay" not in answer.headers
    assert (before, before + 1, []) == (result["seq"], result["size"], result["positions"])
    assert datetime.fromisoformat(result["recorded_at"]).tzinfo is not None
    entity_id = path.split("/")[3] if "{}" in route else body["id"]
    assert entity_id == result["id"]
    if UUID(result["event"]).version == 4:
        assert body["id"] == result["event"]
    assert result["event"] == str(store.events()[result["seq"]].id)


@pytest.mark.parametrize("route", ROUTES)
def test_a_repeated_write_gets_the_first_answer_again(
    client: Client, store: Store, slug: str, route: str
) -> None:
    path, body = write(client, slug, route)
    first = post(client, path, body)
    post(client, "/v1/statements", statement_body(slug))
    before = ledger_size(store.url)
    again = client.post(path, json=body)
    assert (200, first) == (again.status_code, again.json())
    assert again.headers["Idempotent-Replay"] == "true"
    assert before == ledger_size(store.url)


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in ("actors", "topics")])
def test_a_write_without_an_id_is_idempotent_by_its_idempotency_key(
    client: Client, store: Store, slug: str, route: str
) -> None:
    path, body = write(client, slug, route)
    del body["id"]
    key = {"Idempotency-Key": f"{slug} {route}"}
    first = post(client, path, body, **key)
    before = ledger_size(store.url)
    again = client.post(path, json=body, headers=key)
    assert (200, first) == (again.status_code, again.json())
    assert again.headers["Idempotent-Replay"] == "true"
    other = client.post("/v1/statements", json=statement_body(slug, note="Another."), headers=key)
    expect_problem(other, 422, "id-reused")
    assert before == ledger_size(store.url)


def test_a_statement_is_recorded_with_its_positions(
    client: Client, store: Store, slug: str
) -> None:
    other, id_ = post(client, "/v1/statements", statement_body(slug))["id"], uuid4()
    positions = [
        bodies.additional_position(actor=slug, topic=slug),
        bodies.additional_position(actor=slug, topic="talks", coder="someone-else", basis=[other]),
    ]
    body = statement_body(slug, id=str(id_), coder="the-coder", positions=positions)
    result = post(client, "/v1/statements", body)
    assert [str(uuid5(id_, str(n))) for n in (0, 1)] == result["positions"]
    assert result["seq"] + 3 == result["size"]
    store.catch_up()
    first = get(client, f"/v1/actors/{slug}/topics/{slug}/position")
    assert result["positions"][0] == first["id"]
    assert ([str(id_)], "the-coder") == (first["basis"], first["coder"])
    second = get(client, f"/v1/actors/{slug}/topics/talks/position")
    assert ([str(id_), other], "someone-else") == (second["basis"], second["coder"])
    again = client.post("/v1/statements", json=body)
    del result["similar"]
    assert (200, result) == (again.status_code, recorded_part(again))
    for fewer in (positions[:1], [], [*positions, positions[0]]):
        answer = client.post("/v1/statements", json={**body, "positions": fewer})
        assert error_places(expect_problem(answer, 422, "id-reused")) == ["/id"]


def test_a_statement_with_an_invalid_position_records_nothing(
    client: Client, store: Store, slug: str
) -> None:
    before = ledger_size(store.url)
    positions = [
        bodies.additional_position(actor=slug, topic=slug),
        bodies.additional_position(actor=slug, topic="nowhere"),
    ]
    answer = client.post("/v1/statements", json=statement_body(slug, positions=positions))
    assert error_places(expect_problem(answer, 422, "unknown-reference")) == ["/positions/1/topic"]
    assert before == ledger_size(store.url)


def test_a_position_whose_expected_revision_is_not_current_is_refused(
    client: Client, store: Store, slug: str
) -> None:
    first = post(client, "/v1/positions", position_body(slug, expected_revision=0))
    before = ledger_size(store.url)
    for expected in (0, 2):
        answer = client.post("/v1/positions", json=position_body(slug, expected_revision=expected))
        problem = expect_problem(answer, 409, "revision-conflict")
        assert (error_places(problem), problem["current_revision"]) == (["/expected_revision"], 1)
    assert before == ledger_size(store.url)
    post(client, f"/v1/positions/{first['id']}/corrections", bodies.correction(position_body(slug)))
    post(client, "/v1/positions", position_body(slug, expected_revision=2))
    store.catch_up()
    assert get(client, f"/v1/actors/{slug}/topics/{slug}/position")["revision"] == 3


@pytest.mark.parametrize(("kind", "body"), [("actors", bodies.actor), ("topics", bodies.topic)])
def test_a_taken_slug_is_refused(
    client: Client, store: Store, slug: str, kind: str, body: Any
) -> None:
    before = ledger_size(store.url)
    other = {"kind": "group"} if kind == "actors" else {"label": "Another"}
    problem = expect_problem(
        client.post(f"/v1/{kind}", json=body(slug, **other)), 409, "slug-taken"
    )
    assert (["/id"], before) == (error_places(problem), ledger_size(store.url))


def test_a_correction_keeps_the_id_and_reads_at_old_sizes_keep_the_old_text(
    client: Client, store: Store, slug: str
) -> None:
    created = post(client, "/v1/statements", statement_body(slug))
    path = f"/v1/statements/{created['id']}"
    corrected = post(
        client,
        f"{path}/corrections",
        bodies.correction(statement_body(slug, content=bodies.content(text="No."))),
    )
    assert (created["id"], False) == (corrected["id"], corrected["event"] == created["event"])
    store.catch_up()
    now, then = get(client, path), get(client, path, known_size=corrected["seq"])
    assert (now["status"], now["content"]["text"]) == ("corrected", "No.")
    assert (then["status"], then["content"]["text"]) == ("on_record", "We are ready to talk.")


def test_a_correction_undoes_a_retraction(client: Client, store: Store, slug: str) -> None:
    state = position_body(slug)
    created = post(client, "/v1/positions", state)
    path = f"/v1/positions/{created['id']}"
    gone = post(client, f"{path}/retraction", bodies.retraction())
    back = post(client, f"{path}/corrections", bodies.correction({**state, "stance": "oppose"}))
    assert [created["id"]] * 2 == [gone["id"], back["id"]]
    store.catch_up()
    stances = [
        get(client, f"/v1/actors/{slug}/topics/{slug}/position", known_size=result["size"])[
            "stance"
        ]
        for result in (created, gone, back)
    ]
    assert stances == ["support", None, "oppose"]


@pytest.mark.parametrize("kind", ["statements", "positions"])
def test_a_second_retraction_is_refused(client: Client, store: Store, slug: str, kind: str) -> None:
    path, body = write(client, slug, kind + "/{}/retraction")
    post(client, path, body)
    before = ledger_size(store.url)
    expect_problem(client.post(path, json=bodies.retraction()), 409, "already-retracted")
    assert before == ledger_size(store.url)


@pytest.mark.parametrize("kind", ["statements", "positions"])
@pytest.mark.parametrize("amendment", ["corrections", "retraction"])
def test_an_amendment_of_an_unknown_target_is_refused(
    client: Client, store: Store, slug: str, kind: str, amendment: str
) -> None:
    _, body = write(client, slug, f"{kind}/{{}}/{amendment}")
    other = "positions" if kind == "statements" else "statements"
    of_another_kind = post(
        client, f"/v1/{other}", (position_body if kind == "statements" else statement_body)(slug)
    )
    before = ledger_size(store.url)
    for target in (uuid4(), of_another_kind["id"]):
        answer = client.post(f"/v1/{kind}/{target}/{amendment}", json=body)
        expect_problem(answer, 404, "unknown-target")
    assert before == ledger_size(store.url)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("kind", ["statements", "positions", "actors", "topics"])
def test_put_patch_and_delete_are_refused_with_links_to_append(
    client: Client, store: Store, slug: str, method: str, kind: str
) -> None:
    before = ledger_size(store.url)
    answer = client.request(method, f"/v1/{kind}/{slug}", json=statement_body(slug))
    expect_problem(answer, 405, "append-only")
    offered = "revision" if kind in ("actors", "topics") else "corrections"
    assert f"</v1/{kind}/{slug}/{offered}>" in answer.headers["Link"]
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert before == ledger_size(store.url)


@pytest.mark.parametrize("path", ["events/x", "changes", "statements/x/corrections", "batch"])
def test_put_patch_and_delete_are_not_offered_elsewhere(client: Client, path: str) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        answer = client.request(method, f"/v1/{path}")
        expect_problem(answer, 405, "method-not-allowed")
        assert answer.headers["Allow"] in ("GET, HEAD, OPTIONS", "OPTIONS, POST")


def test_reads_at_old_sizes_return_the_state_before_a_revision(
    client: Client, store: Store, slug: str
) -> None:
    size = ledger_size(store.url)
    for kind, field in (("actors", "kind"), ("topics", "label")):
        path, body = write(client, slug, kind + "/{}/revision")
        assert slug == post(client, path, body)["id"]
        expect_problem(
            client.post(path.replace(slug, "nobody"), json=body | {"id": None}),
            404,
            "unknown-target",
        )
        store.catch_up()
        assert body[field] == get(client, f"/v1/{kind}/{slug}")[field]
        assert body[field] != get(client, f"/v1/{kind}/{slug}", known_size=size)[field]


def test_concurrent_writes_of_one_id_are_recorded_once(
    client: Client, store: Store, slug: str
) -> None:
    body, before = statement_body(slug, id=str(uuid4())), ledger_size(store.url)
    with ThreadPoolExecutor(8) as writers:
        answers = list(writers.map(lambda _: client.post("/v1/statements", json=body), range(24)))
    assert sorted(answer.status_code for answer in answers) == [200] * 23 + [201]
    assert all(recorded_part(answers[0]) == recorded_part(answer) for answer in answers)
    assert before + 1 == ledger_size(store.url)


def test_only_one_concurrent_write_that_expects_a_revision_is_recorded(
    client: Client, store: Store, slug: str
) -> None:
    body, before = position_body(slug, expected_revision=0), ledger_size(store.url)
    with ThreadPoolExecutor(8) as writers:
        answers = list(writers.map(lambda _: client.post("/v1/positions", json=body), range(16)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 15
    assert before + 1 == ledger_size(store.url)
