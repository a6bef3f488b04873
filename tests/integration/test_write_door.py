"""Does the write door record what it is told, once, and say so; and does a refusal write nothing?

Over real HTTP and a real ledger, shared by this file; each test has its own actor and topic.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from httpx2 import Client

from tests.support import bodies, postgres
from tests.support.bodies import error_places, expect_problem, get, ledger_size, post
from tests.support.record import Record, record, serving

SHAPE = {"id", "event", "seq", "size", "recorded_at", "positions"}
ROUTES = [
    *("actors", "topics", "statements", "positions", "actors/{}/revision", "topics/{}/revision"),
    *("statements/{}/corrections", "statements/{}/retraction"),
    *("positions/{}/corrections", "positions/{}/retraction"),
]


@pytest.fixture(scope="module")
def on_record(server_url: str, template: str) -> Iterator[Record]:
    with postgres.database(server_url, template) as url, record(url) as made:
        yield made


@pytest.fixture(scope="module")
def client(on_record: Record) -> Iterator[Client]:
    with serving(on_record.url) as made:
        bodies.register_all(made)
        yield made


@pytest.fixture
def who(client: Client) -> str:
    """A new actor, and a topic of the same name."""
    name = f"x{uuid4().hex[:10]}"
    bodies.register_all(client, [name], [name])
    return name


def said(who: str, **over: Any) -> dict[str, Any]:
    return bodies.statement(speakers=[{"actor": who}], topics=[who], **over)


def held(who: str, **over: Any) -> dict[str, Any]:
    return bodies.position(actor=who, topic=who, **over)


def write(client: Client, who: str, route: str) -> tuple[str, dict[str, Any]]:
    """A path and a body with an id of its own that are a write of this route, not made before."""
    kind, _, amendment = route.partition("/{}/")
    if not amendment:
        if kind in ("actors", "topics"):
            return f"/v1/{kind}", (bodies.actor if kind == "actors" else bodies.topic)(f"{who}-too")
        return f"/v1/{kind}", (said if kind == "statements" else held)(who, id=str(uuid4()))
    if amendment == "revision":
        state = (
            bodies.actor(who, kind="group") if kind == "actors" else bodies.topic(who, label="Else")
        )
        return "/v1/" + route.format(who), {**state, "id": str(uuid4())}
    state = (said if kind == "statements" else held)(who)
    target = post(client, f"/v1/{kind}", state)["id"]
    body = bodies.correction(state) if amendment == "corrections" else bodies.retraction()
    return "/v1/" + route.format(target), {**body, "id": str(uuid4())}


@pytest.mark.parametrize("route", ROUTES)
def test_a_write_is_recorded_and_answered_once(
    client: Client, on_record: Record, who: str, route: str
) -> None:
    path, body = write(client, who, route)
    before = ledger_size(on_record.url)
    answer = client.post(path, json=body)
    told = answer.json()
    assert (answer.status_code, set(told)) == (201, SHAPE)
    assert "Idempotent-Replay" not in answer.headers
    assert (before, before + 1, []) == (told["seq"], told["size"], told["positions"])
    assert datetime.fromisoformat(told["recorded_at"]).tzinfo is not None
    thing = path.split("/")[3] if "{}" in route else body["id"]
    assert thing == told["id"]
    if UUID(told["event"]).version == 4:
        assert body["id"] == told["event"]
    assert told["event"] == str(on_record.events()[told["seq"]].id)


@pytest.mark.parametrize("route", ROUTES)
def test_a_repeated_write_gets_the_first_answer_again(
    client: Client, on_record: Record, who: str, route: str
) -> None:
    path, body = write(client, who, route)
    first = post(client, path, body)
    post(client, "/v1/statements", said(who))
    before = ledger_size(on_record.url)
    again = client.post(path, json=body)
    assert (200, first) == (again.status_code, again.json())
    assert again.headers["Idempotent-Replay"] == "true"
    assert before == ledger_size(on_record.url)


@pytest.mark.parametrize("route", [one for one in ROUTES if one not in ("actors", "topics")])
def test_a_key_stands_for_an_id(client: Client, on_record: Record, who: str, route: str) -> None:
    path, body = write(client, who, route)
    del body["id"]
    key = {"Idempotency-Key": f"{who} {route}"}
    first = post(client, path, body, **key)
    before = ledger_size(on_record.url)
    again = client.post(path, json=body, headers=key)
    assert (200, first) == (again.status_code, again.json())
    assert again.headers["Idempotent-Replay"] == "true"
    other = client.post("/v1/statements", json=said(who, note="Another."), headers=key)
    expect_problem(other, 422, "id-reused")
    assert before == ledger_size(on_record.url)


def test_a_statement_brings_its_positions_along(
    client: Client, on_record: Record, who: str
) -> None:
    other, id_ = post(client, "/v1/statements", said(who))["id"], uuid4()
    positions = [
        bodies.additional_position(actor=who, topic=who),
        bodies.additional_position(actor=who, topic="talks", coder="someone-else", basis=[other]),
    ]
    body = said(who, id=str(id_), coder="the-coder", positions=positions)
    told = post(client, "/v1/statements", body)
    assert [str(uuid5(id_, str(n))) for n in (0, 1)] == told["positions"]
    assert told["seq"] + 3 == told["size"]
    on_record.catch_up()
    first = get(client, f"/v1/actors/{who}/topics/{who}/position")
    assert told["positions"][0] == first["id"]
    assert ([str(id_)], "the-coder") == (first["basis"], first["coder"])
    second = get(client, f"/v1/actors/{who}/topics/talks/position")
    assert ([str(id_), other], "someone-else") == (second["basis"], second["coder"])
    again = client.post("/v1/statements", json=body)
    assert (200, told) == (again.status_code, again.json())
    for fewer in (positions[:1], [], [*positions, positions[0]]):
        answer = client.post("/v1/statements", json={**body, "positions": fewer})
        assert error_places(expect_problem(answer, 422, "id-reused")) == ["/id"]


def test_one_bad_position_along_and_nothing_is_written(
    client: Client, on_record: Record, who: str
) -> None:
    before = ledger_size(on_record.url)
    positions = [
        bodies.additional_position(actor=who, topic=who),
        bodies.additional_position(actor=who, topic="nowhere"),
    ]
    answer = client.post("/v1/statements", json=said(who, positions=positions))
    assert error_places(expect_problem(answer, 422, "unknown-reference")) == ["/positions/1/topic"]
    assert before == ledger_size(on_record.url)


def test_a_position_is_refused_where_its_pair_moved_on(
    client: Client, on_record: Record, who: str
) -> None:
    first = post(client, "/v1/positions", held(who, expected_revision=0))
    before = ledger_size(on_record.url)
    for expected in (0, 2):
        answer = client.post("/v1/positions", json=held(who, expected_revision=expected))
        problem = expect_problem(answer, 409, "revision-conflict")
        assert (error_places(problem), problem["current_revision"]) == (["/expected_revision"], 1)
    assert before == ledger_size(on_record.url)
    post(client, f"/v1/positions/{first['id']}/corrections", bodies.correction(held(who)))
    post(client, "/v1/positions", held(who, expected_revision=2))
    on_record.catch_up()
    assert get(client, f"/v1/actors/{who}/topics/{who}/position")["revision"] == 3


@pytest.mark.parametrize(("kind", "body"), [("actors", bodies.actor), ("topics", bodies.topic)])
def test_a_taken_slug_is_refused(
    client: Client, on_record: Record, who: str, kind: str, body: Any
) -> None:
    before = ledger_size(on_record.url)
    other = {"kind": "group"} if kind == "actors" else {"label": "Another"}
    problem = expect_problem(client.post(f"/v1/{kind}", json=body(who, **other)), 409, "slug-taken")
    assert (["/id"], before) == (error_places(problem), ledger_size(on_record.url))


def test_a_correction_keeps_the_id_and_tells_the_old_words_at_the_old_size(
    client: Client, on_record: Record, who: str
) -> None:
    made = post(client, "/v1/statements", said(who))
    path = f"/v1/statements/{made['id']}"
    told = post(
        client,
        f"{path}/corrections",
        bodies.correction(said(who, content=bodies.content(text="No."))),
    )
    assert (made["id"], False) == (told["id"], told["event"] == made["event"])
    on_record.catch_up()
    now, then = get(client, path), get(client, path, known_size=told["seq"])
    assert (now["status"], now["content"]["text"]) == ("corrected", "No.")
    assert (then["status"], then["content"]["text"]) == ("on_record", "We are ready to talk.")


def test_a_retraction_takes_off_and_a_correction_puts_back(
    client: Client, on_record: Record, who: str
) -> None:
    state = held(who)
    made = post(client, "/v1/positions", state)
    path = f"/v1/positions/{made['id']}"
    gone = post(client, f"{path}/retraction", bodies.retraction())
    back = post(client, f"{path}/corrections", bodies.correction({**state, "stance": "oppose"}))
    assert [made["id"]] * 2 == [gone["id"], back["id"]]
    on_record.catch_up()
    stances = [
        get(client, f"/v1/actors/{who}/topics/{who}/position", known_size=one["size"])["stance"]
        for one in (made, gone, back)
    ]
    assert stances == ["support", None, "oppose"]


@pytest.mark.parametrize("kind", ["statements", "positions"])
def test_what_is_retracted_is_not_retracted_again(
    client: Client, on_record: Record, who: str, kind: str
) -> None:
    path, body = write(client, who, kind + "/{}/retraction")
    post(client, path, body)
    before = ledger_size(on_record.url)
    expect_problem(client.post(path, json=bodies.retraction()), 409, "already-retracted")
    assert before == ledger_size(on_record.url)


@pytest.mark.parametrize("kind", ["statements", "positions"])
@pytest.mark.parametrize("amendment", ["corrections", "retraction"])
def test_only_what_is_on_record_is_amended(
    client: Client, on_record: Record, who: str, kind: str, amendment: str
) -> None:
    _, body = write(client, who, f"{kind}/{{}}/{amendment}")
    other = "positions" if kind == "statements" else "statements"
    of_another_kind = post(client, f"/v1/{other}", (held if kind == "statements" else said)(who))
    before = ledger_size(on_record.url)
    for target in (uuid4(), of_another_kind["id"]):
        answer = client.post(f"/v1/{kind}/{target}/{amendment}", json=body)
        expect_problem(answer, 404, "unknown-target")
    assert before == ledger_size(on_record.url)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("kind", ["statements", "positions", "actors", "topics"])
def test_an_edit_is_refused_with_the_link_to_append_a_correction(
    client: Client, on_record: Record, who: str, method: str, kind: str
) -> None:
    before = ledger_size(on_record.url)
    answer = client.request(method, f"/v1/{kind}/{who}", json=said(who))
    expect_problem(answer, 405, "append-only")
    offered = "revision" if kind in ("actors", "topics") else "corrections"
    assert f"</v1/{kind}/{who}/{offered}>" in answer.headers["Link"]
    assert answer.headers["Allow"] == "GET"
    assert before == ledger_size(on_record.url)


@pytest.mark.parametrize("path", ["events/x", "changes", "statements/x/corrections", "batch"])
def test_nothing_else_is_edited_either(client: Client, path: str) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        answer = client.request(method, f"/v1/{path}")
        expect_problem(answer, 405, "method-not-allowed")
        assert answer.headers["Allow"] in ("GET", "POST")


def test_a_revision_tells_the_old_state_at_the_old_size(
    client: Client, on_record: Record, who: str
) -> None:
    size = ledger_size(on_record.url)
    for kind, field in (("actors", "kind"), ("topics", "label")):
        path, body = write(client, who, kind + "/{}/revision")
        assert who == post(client, path, body)["id"]
        expect_problem(
            client.post(path.replace(who, "nobody"), json=body | {"id": None}),
            404,
            "unknown-target",
        )
        on_record.catch_up()
        assert body[field] == get(client, f"/v1/{kind}/{who}")[field]
        assert body[field] != get(client, f"/v1/{kind}/{who}", known_size=size)[field]


def test_one_id_from_many_writers_at_once_is_one_write(
    client: Client, on_record: Record, who: str
) -> None:
    body, before = said(who, id=str(uuid4())), ledger_size(on_record.url)
    with ThreadPoolExecutor(8) as writers:
        answers = list(writers.map(lambda _: client.post("/v1/statements", json=body), range(24)))
    assert sorted(one.status_code for one in answers) == [200] * 23 + [201]
    assert all(answers[0].json() == one.json() for one in answers)
    assert before + 1 == ledger_size(on_record.url)


def test_of_many_writers_who_expect_one_revision_one_is_heard(
    client: Client, on_record: Record, who: str
) -> None:
    body, before = held(who, expected_revision=0), ledger_size(on_record.url)
    with ThreadPoolExecutor(8) as writers:
        answers = list(writers.map(lambda _: client.post("/v1/positions", json=body), range(16)))
    assert sorted(one.status_code for one in answers) == [201] + [409] * 15
    assert before + 1 == ledger_size(on_record.url)
