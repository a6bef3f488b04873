"""Is an address that names nothing, or asks for what cannot be, refused with its fault named?

Paths, parameters and cursors. No text in them is ever a fault of ours, and none writes anything.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Client

from tests.support import bodies, postgres
from tests.support.bodies import FULL_BODIES, STRANGE_STRINGS, error_places, expect_problem
from tests.support.record import Record, record, serving

NOTHING = "/v1/events/6f1f1d0c-8f0e-4b57-9a39-0b8a3c1d2e4f"


@pytest.fixture(scope="module")
def on_record(server_url: str, template: str) -> Iterator[Record]:
    with postgres.database(server_url, template) as url, record(url) as made:
        yield made


@pytest.fixture(scope="module")
def door(on_record: Record) -> Iterator[Client]:
    with serving(on_record.url) as made:
        bodies.register_all(made)
        yield made


@pytest.fixture
def client(door: Client, on_record: Record) -> Iterator[Client]:
    """All doors; nothing may be written meanwhile."""
    before = bodies.ledger_size(on_record.url)
    yield door
    assert before == bodies.ledger_size(on_record.url)


@pytest.mark.parametrize("path", [*FULL_BODIES, "/v1/batch", *bodies.LIST_PATHS, NOTHING])
def test_an_unknown_parameter_is_refused(client: Client, path: str) -> None:
    method = "GET" if path in bodies.LIST_PATHS or path == NOTHING else "POST"
    headers = bodies.NDJSON if path == "/v1/batch" else {"Content-Type": "application/json"}
    answer = client.request(method, f"{path}?bogus=1", headers=headers, content=b"{}")
    assert error_places(expect_problem(answer, 422, "invalid")) == ["bogus"]


def test_faults_of_path_and_parameters_are_told_at_once(client: Client) -> None:
    path = "/v1/actors/%00/topics/talks/position?as_of=x&min_size=-1&bogus=1&bogus=2"
    found = error_places(expect_problem(client.get(path), 422, "invalid"))
    assert found == ["actor", "min_size", "as_of", "bogus"]


def test_of_a_parameter_given_twice_the_last_counts_unless_it_is_a_list(client: Client) -> None:
    assert client.get("/v1/topics?limit=x&limit=1").status_code == 200
    assert error_places(
        expect_problem(client.get("/v1/topics?limit=1&limit=x"), 422, "invalid")
    ) == ["limit"]
    assert client.get("/v1/changes?kind=adopted&kind=shifted").status_code == 200
    answer = client.get("/v1/changes?kind=x&kind=adopted")
    assert error_places(expect_problem(answer, 422, "invalid")) == ["kind"]


@pytest.mark.parametrize("path", bodies.LIST_PATHS)
def test_a_cursor_that_no_list_gave_is_refused(client: Client, path: str) -> None:
    far, late = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-01:00"
    keys: list[Any] = [[], [1, 2, 3, 4, 5], {}, None, ["x"], [True, ""], [2**63], [0, 2**63]]
    keys += [[0, "\x00"], [0, far, 1], [0, late, 1], [0, far, 1, 1], [0, "", late], [0, "", far]]
    keys += [[0.5], [0, "2022", "x"], [-1, "x"], [-1, 5], [-1, "2022-01-01T00:00:00+00:00", 5]]
    keys += [[key[0], False, *key[1:]] for key in keys if key]
    texts = [base64.urlsafe_b64encode(json.dumps(key).encode()).decode() for key in keys]
    for text in [*texts, "é", "%00", "=", "x" * 501, "A", base64.b64encode(b"[" * 300).decode()]:
        answer = client.get(path, params={"cursor": text})
        assert error_places(expect_problem(answer, 422, "invalid")) == ["cursor"], text


@pytest.mark.parametrize("order", [2**31, 2**62, -(2**62)])
def test_a_cursor_of_any_order_is_no_fault_of_ours(client: Client, order: int) -> None:
    place = json.dumps([0, False, "2022-01-01T00:00:00+00:00", order, 1]).encode()
    asked = {"cursor": base64.urlsafe_b64encode(place).decode()}
    expect_problem(client.get(bodies.LIST_PATHS[5], params=asked), 404, "unknown-actor")


@pytest.mark.parametrize("bad", ["x", "%00", "%ff", "1" * 32 + "0", "%E2%82%AC", "a%0D%0Ab"])
def test_a_path_that_names_nothing_is_refused_whatever_it_holds(client: Client, bad: str) -> None:
    for path in (f"/v1/statements/{bad}", f"/v1/events/{bad}"):
        assert error_places(expect_problem(client.get(path), 422, "invalid")) == ["id"]
    for path in (f"/v1/statements/{bad}/corrections", f"/v1/positions/{bad}/retraction"):
        assert "id" in error_places(expect_problem(client.post(path, json={}), 422, "invalid"))
    if "%" in bad:
        path = f"/v1/actors/{bad}/topics/{bad}/position"
        assert error_places(expect_problem(client.get(path), 422, "invalid")) == ["actor", "topic"]


def test_what_is_wrong_in_the_path_and_in_the_query_is_told_at_once(client: Client) -> None:
    answer = client.get("/v1/actors/A/topics/B/position?known_size=-1&nothing=1")
    named = ["actor", "topic", "known_size", "nothing"]
    assert sorted(named) == sorted(error_places(expect_problem(answer, 422, "invalid")))


@pytest.mark.parametrize("bad", ["x", "%00", "%ff", "%E2%82%AC", "a%0D%0Ab", "a%3E%2C%3Cb"])
def test_an_edit_is_refused_whatever_the_path_holds(client: Client, bad: str) -> None:
    for kind in ("statements", "positions"):
        expect_problem(client.put(f"/v1/{kind}/{bad}"), 405, "append-only")


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/v1/nothing/there", "/%00", "/v2/actors"])
def test_an_address_that_is_not_there_is_not_found(client: Client, path: str) -> None:
    expect_problem(client.get(path), 404, "not-found")


@pytest.mark.parametrize(
    "text", [*STRANGE_STRINGS, "\x00", "a\x00b", " ", "%", '"', '"" - or ! &|:*']
)
def test_no_parameter_is_ever_a_fault_of_ours(client: Client, text: str) -> None:
    params = "q outlet actor topic type said_from said_to as_of known_at limit after known_size"
    for path in [*bodies.LIST_PATHS, "/v1/actors/emma/topics/talks/position"]:
        for name in params.split():
            answer = client.get(path, params={name: text})
            assert answer.status_code == 200 or [name] == error_places(
                expect_problem(answer, 422, "invalid")
            )
            assert "\x00" not in text or answer.status_code == 422
