"""Tests of invalid paths, parameters and cursors: they are refused with the error's place named.

No value in them causes a server error, and nothing is recorded.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Client

from onrecord.kit.http import paging
from tests.support import bodies, postgres
from tests.support.bodies import FULL_BODIES, STRANGE_STRINGS, error_places, expect_problem
from tests.support.store import Store, open_store, run_api

UNKNOWN_EVENT = "/v1/events/6f1f1d0c-8f0e-4b57-9a39-0b8a3c1d2e4f"


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def shared_client(store: Store) -> Iterator[Client]:
    with run_api(store.url) as new_client:
        bodies.register_all(new_client)
        yield new_client


@pytest.fixture
def client(shared_client: Client, store: Store) -> Iterator[Client]:
    """A client of all APIs. Checks that the test has recorded nothing."""
    before = bodies.ledger_size(store.url)
    yield shared_client
    assert before == bodies.ledger_size(store.url)


@pytest.mark.parametrize("path", [*FULL_BODIES, "/v1/batch", *bodies.LIST_PATHS, UNKNOWN_EVENT])
def test_an_unknown_parameter_is_refused(client: Client, path: str) -> None:
    method = "GET" if path in bodies.LIST_PATHS or path == UNKNOWN_EVENT else "POST"
    headers = bodies.NDJSON if path == "/v1/batch" else {"Content-Type": "application/json"}
    answer = client.request(method, f"{path}?bogus=1", headers=headers, content=b"{}")
    assert error_places(expect_problem(answer, 422, "invalid")) == ["bogus"]


def test_all_errors_of_path_and_query_are_reported_at_once(client: Client) -> None:
    path = "/v1/actors/%00/topics/talks/position?as_of=x&min_size=-1&bogus=1&bogus=2"
    places = error_places(expect_problem(client.get(path), 422, "invalid"))
    assert places == ["actor", "min_size", "as_of", "bogus"]


def test_a_parameter_that_takes_one_value_refuses_two(client: Client) -> None:
    for query in ("limit=1&limit=2", "limit=1&limit=x", "limit=1&limit=1", "q=a&q=b"):
        problem = expect_problem(client.get(f"/v1/topics?{query}"), 422, "invalid")
        assert [query[: query.index("=")]] == error_places(problem)
        assert problem["errors"][0]["message"] == "takes one value, and has 2"
    path = "/v1/actors/%00/topics/talks/position?as_of=1&as_of=2&min_size=x&bogus=1"
    places = error_places(expect_problem(client.get(path), 422, "invalid"))
    assert places == ["actor", "min_size", "as_of", "bogus"]
    assert client.get("/v1/changes?kind=adopted&kind=shifted").status_code == 200
    answer = client.get("/v1/changes?kind=x&kind=adopted")
    assert error_places(expect_problem(answer, 422, "invalid")) == ["kind"]


def test_a_header_that_takes_one_value_refuses_two(client: Client) -> None:
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = client.post("/v1/statements", json=bodies.statement(), headers=twice)
    assert error_places(expect_problem(answer, 422, "invalid")) == ["Idempotency-Key"]
    twice = [("Last-Event-ID", "1"), ("Last-Event-ID", "2")]
    answer = client.get("/v1/events", headers=twice)
    assert error_places(expect_problem(answer, 422, "invalid")) == ["Last-Event-ID"]


def test_values_of_a_list_header_may_stand_in_two_lines(client: Client) -> None:
    lines = [("Accept", "text/html"), ("Accept", "application/x-ndjson")]
    answer = client.get("/v1/events", headers=lines)
    assert bodies.media_type(answer) == "application/x-ndjson"
    tag = client.get("/v1/topics").headers["ETag"]
    lines = [("If-None-Match", '"other"'), ("If-None-Match", tag)]
    assert client.get("/v1/topics", headers=lines).status_code == 304


@pytest.mark.parametrize("path", bodies.LIST_PATHS)
def test_a_cursor_that_no_list_returned_is_refused(client: Client, path: str) -> None:
    far, late = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-01:00"
    keys: list[Any] = [[], [1, 2, 3, 4, 5], {}, None, ["x"], [True, ""], [2**63], [0, 2**63]]
    keys += [[0, "\x00"], [0, far, 1], [0, late, 1], [0, far, 1, 1], [0, "", late], [0, "", far]]
    keys += [[0.5], [0, "2022", "x"], [-1, "x"], [-1, 5], [-1, "2022-01-01T00:00:00+00:00", 5]]
    keys += [[key[0], False, *key[1:]] for key in keys if key]
    keys += [[paging.digest(path, []), *(key or [])] for key in keys]
    texts = [base64.urlsafe_b64encode(json.dumps(key).encode()).decode() for key in keys]
    for text in [*texts, "é", "%00", "=", "x" * 501, "A", base64.b64encode(b"[" * 300).decode()]:
        answer = client.get(path, params={"cursor": text})
        assert error_places(expect_problem(answer, 422, "invalid")) == ["cursor"], text


@pytest.mark.parametrize("order", [2**31, 2**62, -(2**62)])
def test_a_cursor_with_any_order_causes_no_server_error(client: Client, order: int) -> None:
    path = bodies.LIST_PATHS[5]
    parts = [paging.digest(path, []), 0, False, "2022-01-01T00:00:00+00:00", order, 1]
    place = json.dumps(parts).encode()
    params = {"cursor": base64.urlsafe_b64encode(place).decode()}
    expect_problem(client.get(path, params=params), 404, "unknown-actor")


@pytest.mark.parametrize("bad", ["x", "%00", "%ff", "1" * 32 + "0", "%E2%82%AC", "a%3Cb"])
def test_a_path_with_an_invalid_id_is_refused(client: Client, bad: str) -> None:
    for path in (f"/v1/statements/{bad}", f"/v1/events/{bad}"):
        assert error_places(expect_problem(client.get(path), 422, "invalid")) == ["id"]
    for path in (f"/v1/statements/{bad}/corrections", f"/v1/positions/{bad}/retraction"):
        assert "id" in error_places(expect_problem(client.post(path, json={}), 422, "invalid"))
    if "%" in bad:
        path = f"/v1/actors/{bad}/topics/{bad}/position"
        assert error_places(expect_problem(client.get(path), 422, "invalid")) == ["actor", "topic"]


def test_invalid_slugs_are_reported_with_invalid_and_unknown_parameters(client: Client) -> None:
    answer = client.get("/v1/actors/A/topics/B/position?known_size=-1&nothing=1")
    expected = ["actor", "topic", "known_size", "nothing"]
    assert sorted(expected) == sorted(error_places(expect_problem(answer, 422, "invalid")))


@pytest.mark.parametrize("bad", ["x", "%00", "%ff", "%E2%82%AC", "a%3E%2C%3Cb"])
def test_put_is_refused_for_any_id_in_the_path(client: Client, bad: str) -> None:
    for kind in ("statements", "positions"):
        expect_problem(client.put(f"/v1/{kind}/{bad}"), 405, "append-only")


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/v1/nothing/there", "/%00", "/v2/actors"])
def test_an_unknown_path_is_not_found(client: Client, path: str) -> None:
    expect_problem(client.get(path), 404, "not-found")


@pytest.mark.parametrize(
    "text", [*STRANGE_STRINGS, "\x00", "a\x00b", " ", "%", '"', '"" - or ! &|:*']
)
def test_no_parameter_value_causes_a_server_error(client: Client, text: str) -> None:
    params = "q outlet actor topic type said_from said_to as_of known_at limit after known_size"
    for path in [*bodies.LIST_PATHS, "/v1/actors/emma/topics/talks/position"]:
        for name in params.split():
            answer = client.get(path, params={name: text})
            assert answer.status_code == 200 or [name] == error_places(
                expect_problem(answer, 422, "invalid")
            )
            assert "\x00" not in text or answer.status_code == 422
