"""Tests of cursors: each belongs to its list and parameters, and no page promises an empty one.

The lists are those of `tests.support.lists`.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Client

from tests.support import postgres
from tests.support.bodies import error_places, expect_problem, get
from tests.support.lists import LISTS, PAIR, fill
from tests.support.store import open_store, run_api

OTHER_PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "/v1/actors": [{}, {"q": "emma"}, {"q": "slug", "known_size": 3}],
    "/v1/topics": [{}, {"q": "talks"}, {"q": "slug", "min_size": 3}],
    "/v1/statements": [
        {},
        {"actor": "ministry"},
        {"actor": "emma", "known_size": 9},
        {"actor": "emma", "topic": "talks"},
    ],
    "/v1/changes": [{"actor": "emma"}, {"actor": "emma", "topic": "talks", "by": "valid"}],
    "/v1/review": [{}, {"kind": ["same_words", "unsupported"]}],
    f"{PAIR}/timeline": [{}, {"known_at": "2022"}],
    f"{PAIR}/history": [{}, {"known_at": "2022"}],
    "/v1/actors/slug-0/positions": [{}, {"as_of": "2023"}],
    "/v1/topics/slug-0/positions": [{}, {"as_of": "2023"}],
    "/v1/events": [{}, {"type": "statement.made"}],
    "/v1/endpoints/{endpoint}/deliveries": [{}, {"state": "failed"}],
    "/v1/endpoints/{endpoint}/feed": [{}, {"after": 1}],
}


@pytest.fixture(scope="module")
def client(server_url: str, template: str) -> Iterator[Client]:
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(url) as new_client,
    ):
        fill(new_client, store)
        yield new_client


@pytest.fixture(scope="module")
def endpoint(client: Client) -> str:
    return str(get(client, "/v1/endpoints")["items"][0]["id"])


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_only_pages_that_others_follow_have_a_next_one(
    client: Client, endpoint: str, path: str, limit: int
) -> None:
    params = {**LISTS[path], "limit": limit}
    sizes: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = get(client, path.format(endpoint=endpoint), **params, **cursor)
        sizes.append(len(page["items"]))
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert {1: [1, 1, 1, 1], 2: [2, 2], 3: [3, 1], 4: [4], 5: [4]}[limit] == sizes


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_works_with_its_own_parameters_and_any_limit(
    client: Client, endpoint: str, path: str
) -> None:
    address, params = path.format(endpoint=endpoint), LISTS[path]
    whole = get(client, address, **params)["items"]
    cursor = get(client, address, **params, limit=1)["next"]
    for limit in (1, 2, 3):
        assert (
            whole[1 : 1 + limit]
            == get(client, address, **params, cursor=cursor, limit=limit)["items"]
        )


@pytest.mark.parametrize("path", OTHER_PARAMETERS)
def test_a_cursor_is_refused_with_other_parameters(
    client: Client, endpoint: str, path: str
) -> None:
    address = path.format(endpoint=endpoint)
    cursor = get(client, address, **LISTS[path], limit=1)["next"]
    for params in OTHER_PARAMETERS[path]:
        answer = client.get(address, params={**params, "cursor": cursor})
        problem = expect_problem(answer, 422, "invalid")
        assert error_places(problem) == ["cursor"]
        assert "leave the cursor out" in problem["errors"][0]["message"]


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_is_refused_by_every_other_list(client: Client, endpoint: str, path: str) -> None:
    cursor = get(client, path.format(endpoint=endpoint), **LISTS[path], limit=1)["next"]
    others = [*LISTS, "/v1/actors/emma/positions", "/v1/topics/talks/positions"]
    for other in others:
        if other != path:
            params = {**LISTS.get(other, {}), "cursor": cursor}
            answer = client.get(other.format(endpoint=endpoint), params=params)
            assert error_places(expect_problem(answer, 422, "invalid")) == ["cursor"], other


@pytest.mark.parametrize("path", LISTS)
def test_an_empty_cursor_is_refused(client: Client, endpoint: str, path: str) -> None:
    params = {**LISTS[path], "cursor": ""}
    answer = client.get(path.format(endpoint=endpoint), params=params)
    assert error_places(expect_problem(answer, 422, "invalid")) == ["cursor"]


def test_a_cursor_does_not_depend_on_the_order_of_parameters(client: Client) -> None:
    cursor = get(client, "/v1/changes?topic=talks&actor=emma&limit=1")["next"]
    assert get(client, f"/v1/changes?cursor={cursor}&limit=1&actor=emma&topic=talks")["items"]


def test_a_review_without_findings_has_one_page(client: Client) -> None:
    page = get(client, "/v1/review", kind="contradiction")
    assert ([], None) == (page["items"], page["next"])
    page = get(client, "/v1/review", limit=3)
    assert (3, 1) == (
        len(page["items"]),
        len(get(client, "/v1/review", cursor=page["next"])["items"]),
    )
