"""Tests of invalid input: it is refused with the invalid field named, and nothing is recorded.

The ledger's entries are counted by SQL. Unusual but valid input must be served exactly.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Client

from tests.support import bodies, postgres
from tests.support.bodies import (
    FULL_BODIES,
    POSITION,
    STATEMENT,
    STRANGE_STRINGS,
    correction,
    error_places,
    expect_problem,
    position,
    post,
    retraction,
    statement,
)
from tests.support.store import Store, open_store, run_api

JSON = {"Content-Type": "application/json"}
NEW_ID = str(uuid4())
PATHS = list(FULL_BODIES)


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def shared_client(store: Store) -> Iterator[Client]:
    with run_api(store.url) as new_client:
        bodies.register_all(new_client)
        post(new_client, "/v1/statements", statement(id=STATEMENT))
        post(new_client, "/v1/positions", position(id=POSITION))
        yield new_client


@pytest.fixture
def client(shared_client: Client, store: Store) -> Iterator[Client]:
    """A client of all APIs. Checks that the test has recorded nothing."""
    before = bodies.ledger_size(store.url)
    yield shared_client
    assert before == bodies.ledger_size(store.url)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad-json"),
        (b'{"\\u0000": "\\u0000"}', 400, "bad-json"),
        (b'{"id": "a\x00b"}', 400, "bad-json"),
        (b'{"id": "\\ud800"}', 400, "bad-json"),
        (b'{"id": "\xed\xa0\x80"}', 400, "bad-json"),
        (b'{"id": 1, "id": 1}', 400, "bad-json"),
        (b'{"id": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, "bad-json"),
        (b"\xef\xbb\xbf{}", 400, "bad-json"),
        (b"", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b"[]", 422, "invalid"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_body_that_is_not_a_strict_json_object_is_refused(
    client: Client, path: str, body: bytes, status: int, code: str
) -> None:
    problem = expect_problem(client.post(path, content=body, headers=JSON), status, code)
    assert ([""] if status == 422 else []) == error_places(problem)


@pytest.mark.parametrize("path", [*PATHS, "/v1/batch"])
def test_other_media_types_are_refused(client: Client, path: str) -> None:
    for headers in (
        {},
        *({"Content-Type": media_type} for media_type in ("text/plain", "application/jsonx")),
    ):
        answer = client.post(path, content=b"{}", headers=headers)
        expect_problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("path", PATHS)
def test_ten_megabytes_are_refused_whether_announced_or_not(client: Client, path: str) -> None:
    part = b'{"id": "' + b"x" * 100_000
    expect_problem(client.post(path, content=part * 100, headers=JSON), 413, "too-large")
    expect_problem(client.post(path, content=iter([part] * 100), headers=JSON), 413, "too-large")


def test_a_body_of_a_mebibyte_is_read_and_one_byte_more_is_not(client: Client) -> None:
    body = json.dumps(statement(said_at="never")).encode().ljust(2**20)
    expect_problem(client.post("/v1/statements", content=body, headers=JSON), 422, "invalid")
    expect_problem(
        client.post("/v1/statements", content=body + b" ", headers=JSON), 413, "too-large"
    )


SPAN = {"exact": "four", "start": 3, "end": 8}
INVALID: list[tuple[Any, list[str]]] = [
    *((statement(said_at=day), ["/said_at"]) for day in ("2022-02-30", "2022-05/2022-03", "", 1)),
    *((position(effective=day), ["/effective"]) for day in ("2022/..", "2022-13", "0000", "now")),
    (
        statement(evidence=[bodies.evidence(published_at="2023-2-9")]),
        ["/evidence/0/published_at"],
    ),
    *((position(order=n), ["/order"]) for n in (1.5, 1.0, True, "1", 2**31, 10**400, 1e300)),
    *((position(expected_revision=n), ["/expected_revision"]) for n in (-1, 0.5, True, 2**53)),
    (statement(bogus=1), ["/bogus"]),
    (statement(**{"a/b~\x01": 1}), ["/a~1b~0\x01"]),
    (statement(content=bodies.content(bogus=1)), ["/content/bogus"]),
    (statement(content=bodies.content(text=" \n")), ["/content/text"]),
    (statement(content=bodies.content(text="x" * 100_001)), ["/content/text"]),
    (statement(content=bodies.content(mode="heard"), coder="ü"), ["/content/mode", "/coder"]),
    (statement(content={"text": "a"}), ["/content/lang", "/content/mode"]),
    (statement(evidence=[]), ["/evidence"]),
    (statement(evidence=[bodies.evidence()] * 65), ["/evidence"]),
    (statement(evidence=[bodies.evidence(), {"outlet": "The Daily"}]), ["/evidence/1"]),
    (statement(evidence=[bodies.evidence(url="javascript:alert(1)")]), ["/evidence/0/url"]),
    (statement(evidence=[bodies.evidence(sha256="A" * 64)]), ["/evidence/0/sha256"]),
    (statement(evidence=[bodies.evidence(selector=SPAN)]), ["/evidence/0/selector/end"]),
    (statement(speakers=[]), ["/speakers"]),
    (statement(speakers=[{"actor": "Emma"}]), ["/speakers/0/actor"]),
    (statement(embedded_in="x"), ["/embedded_in"]),
    (statement(id="not-a-uuid"), ["/id"]),
    (statement(positions=[position(stance="warm")]), ["/positions/0/stance"]),
    (statement(positions=[position(basis=[STATEMENT] * 64)]), ["/positions/0/basis"]),
    (position(stance="support", condition="If."), ["/condition"]),
    (statement(speakers=[{"actor": "emma"}] * 2), ["/speakers/1"]),
    (statement(stances=[{"topic": "tariffs", "stance": "support"}]), ["/stances/0/topic"]),
    (bodies.actor("e" * 81), ["/id"]),
    (bodies.actor(kind="robot"), ["/kind"]),
    (bodies.topic("a b", label=None), ["/id", "/label"]),
    (retraction(by="them", reason=""), ["/by", "/reason"]),
    (correction(position(stance="neutral", condition="If.")), ["/replacement/condition"]),
]


def path_of(body: dict[str, Any]) -> str:
    if "by" in body:
        amendment = "corrections" if "replacement" in body else "retraction"
        return f"/v1/positions/{POSITION}/{amendment}"
    kinds = {"speakers": "statements", "stance": "positions", "kind": "actors", "label": "topics"}
    return "/v1/" + next(kind for field, kind in kinds.items() if field in body)


@pytest.mark.parametrize(("body", "at"), INVALID, ids=lambda value: str(value)[-40:])
def test_the_field_at_fault_is_named(client: Client, body: Any, at: list[str]) -> None:
    text = json.dumps(body).replace("1e+300", "1e400")
    problem = expect_problem(client.post(path_of(body), content=text, headers=JSON), 422, "invalid")
    assert at == error_places(problem)


@pytest.mark.parametrize("path", PATHS)
def test_every_required_field_that_is_missing_is_named(client: Client, path: str) -> None:
    problem = expect_problem(client.post(path, json={}), 422, "invalid")
    missing = {error["pointer"] for error in problem["errors"] if error["message"] == "is required"}
    assert missing
    for pointer in missing:
        body = {name: value for name, value in FULL_BODIES[path].items() if name != pointer[1:]}
        assert error_places(expect_problem(client.post(path, json=body), 422, "invalid")) == [
            pointer
        ]


def test_an_unknown_slug_is_refused_with_the_three_nearest(client: Client) -> None:
    body = position(actor="minister", topic="tarifs", basis=[NEW_ID])
    problem = expect_problem(client.post("/v1/positions", json=body), 422, "unknown-reference")
    assert error_places(problem) == ["/actor", "/topic", "/basis/0"]
    of_actor, of_topic, of_basis = (error["message"] for error in problem["errors"])
    near = of_actor.partition("nearest are ")[2]
    assert (near.startswith("'ministry'"), near.count("'")) == (True, 6)
    assert of_topic.partition("nearest are ")[2].startswith("'tariffs'")
    assert NEW_ID in of_basis


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (statement(id=NEW_ID, embedded_in=NEW_ID), "/embedded_in"),
        (statement(id=NEW_ID, same_utterance_as=[STATEMENT, NEW_ID]), "/same_utterance_as/1"),
        (bodies.topic("loop", broader="loop"), "/broader"),
        (correction(statement(embedded_in=STATEMENT)), "/replacement/embedded_in"),
    ],
)
def test_a_self_reference_is_refused(client: Client, body: Any, at: str) -> None:
    path = f"/v1/statements/{STATEMENT}/corrections" if "by" in body else path_of(body)
    assert [at] == error_places(expect_problem(client.post(path, json=body), 422, "self-reference"))


def test_an_id_on_record_with_another_body_is_refused(client: Client) -> None:
    for path, body in (
        ("/v1/statements", statement(id=STATEMENT, note="Another.")),
        ("/v1/positions", position(id=STATEMENT)),
        ("/v1/statements", statement(id=POSITION)),
        (f"/v1/statements/{STATEMENT}/retraction", retraction(id=STATEMENT)),
    ):
        assert error_places(expect_problem(client.post(path, json=body), 422, "id-reused")) == [
            "/id"
        ]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_an_invalid_idempotency_key_is_refused(client: Client, key: str) -> None:
    answer = client.post("/v1/statements", json=statement(), headers={"Idempotency-Key": key})
    assert error_places(expect_problem(answer, 422, "invalid")) == ["Idempotency-Key"]


@pytest.mark.parametrize("text", STRANGE_STRINGS)
@pytest.mark.parametrize("path", PATHS)
def test_any_string_is_stored_exactly_or_refused(
    shared_client: Client, store: Store, path: str, text: str
) -> None:
    accepted = {}
    for at in bodies.string_paths(FULL_BODIES[path]):
        body = bodies.with_value_at(FULL_BODIES[path], at, text)
        if "id" in body and at != ("id",):
            body["id"] = str(uuid4())
        if path.endswith("retraction"):
            statement_id = post(shared_client, "/v1/statements", statement())["id"]
        answer = shared_client.post(
            path.replace(STATEMENT, statement_id) if "ret" in path else path, json=body
        )
        if answer.status_code == 201:
            accepted[at] = answer.json()
        else:
            pointers = error_places(expect_problem(answer, 422, "invalid"))
            assert [
                pointer for pointer in pointers if "/".join(["", *map(str, at)]).startswith(pointer)
            ]
    assert accepted or path.endswith("/erasure")  # whose strings are all codes
    store.catch_up()
    for at, result in accepted.items():
        event = bodies.get(shared_client, f"/v1/events/{result['event']}")
        parts = [event["entry"]["data"], *(part["value"] for part in event["payload"].values())]
        assert text in [text_at(part, at) for part in parts]
        if path in ("/v1/actors", "/v1/topics", "/v1/statements"):
            assert text == bodies.value_at(bodies.get(shared_client, f"{path}/{result['id']}"), at)


def text_at(value: Any, at: tuple[str | int, ...]) -> Any:
    try:
        return bodies.value_at(value, at)
    except (KeyError, IndexError):
        return None
