"""Tests of the grid of positions, of positions by id, and of actors by their Wikidata id."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import pytest
from httpx2 import Client

from onrecord.query import grid_routes
from tests.support import bodies, bulk, postgres
from tests.support.bodies import error_places, expect_problem, get, post
from tests.support.store import PUBLIC_URL, Store, open_store, run_api

Item = dict[str, Any]
READS: list[Item] = [{}, {"as_of": "2015-06-10"}, {"as_of": "2018-03-10", "known_size": 400}]


@pytest.fixture(scope="module")
def bulk_store(server_url: str, template: str) -> Iterator[Store]:
    """38 actors with positions on 20 topics, two more that are merged, dates of a month each."""
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        bulk.register_cast(new_store)
        bulk.write(new_store, 300)
        bulk.merge_actors(new_store)
        new_store.catch_up()
        yield new_store


@pytest.fixture(scope="module")
def grid_client(bulk_store: Store) -> Iterator[Client]:
    with run_api(bulk_store.url) as new_client:
        yield new_client


def all_items(client: Client, path: str, **params: Any) -> list[Item]:
    items: list[Item] = []
    cursor: dict[str, str] = {}
    while True:
        page = get(client, path, **params, **cursor)
        items += page["items"]
        if page["next"] is None:
            return items
        assert len(page["items"]) == params.get("limit", 50)  # a page is full if another follows
        cursor = {"cursor": page["next"]}


@pytest.fixture(scope="module", params=READS, ids=str)
def read(request: pytest.FixtureRequest, grid_client: Client) -> tuple[Item, list[Item]]:
    """The parameters of a read, and the positions of all topics, one by one."""
    params = {"as_of": "2030", **request.param}
    items = [
        item
        for topic in bulk.TOPICS
        for item in all_items(grid_client, f"/v1/topics/{topic}/positions", limit=500, **params)
    ]
    assert len(items) > 50
    return params, sorted(items, key=itemgetter("actor", "topic"))


@pytest.mark.parametrize("limit", [7, 500])
def test_the_grid_has_the_positions_of_all_topics(
    grid_client: Client, read: tuple[Item, list[Item]], limit: int
) -> None:
    params, expected = read
    assert expected == all_items(grid_client, "/v1/positions", limit=limit, **params)


FILTERS: list[Item] = [
    {"actor": ["actor-0", "actor-3", "actor-39"]},
    {"topic": ["topic-3", "topic-10", "topic-2"]},
    {"actor": ["actor-0", "actor-1"], "topic": ["topic-1", "topic-4", "topic-19"]},
    {"stance": ["support", "mixed"]},
    {"certainty": "possible"},
    {"topic": ["topic-5"], "stance": ["oppose"], "certainty": "definite"},
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_each_filter_passes_what_it_names(
    grid_client: Client,
    read: tuple[Item, list[Item]],
    filters: Item,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where a query looks at few pairs, so that pages take several."""
    params, whole = read
    wanted = {
        **filters,
        # actors 38 and 39 are merged into actor 0, later than the size of the last read
        "actor": [name.replace("actor-39", "actor-0") for name in filters.get("actor", [])],
    }
    expected = [
        item
        for item in whole
        if all(not names or item[name] in names for name, names in wanted.items())
    ]
    for max_pairs, limit in ((30, 500), (2_000, 20)):
        monkeypatch.setattr(grid_routes, "MAX_PAIRS", max_pairs)
        params = {**params, "limit": limit}
        assert expected == all_items(grid_client, "/v1/positions", **params, **filters)


def test_a_filter_by_an_unknown_name_is_refused(grid_client: Client) -> None:
    answer = grid_client.get("/v1/positions", params={"actor": "nobody", "topic": "nothing"})
    problem = expect_problem(answer, 422, "unknown-reference")
    assert ["actor", "topic"] == error_places(problem)


# Positions by id


PAIR = "/v1/actors/emma/topics/talks"


def test_a_position_by_id_says_what_became_of_it(client: Client, store: Store) -> None:
    bodies.register_all(client)
    source = bodies.evidence(published_at="2022-12")
    said = post(client, "/v1/statements", bodies.statement(said_at="2022-11", evidence=[source]))
    body = bodies.position(basis=[said["id"]], effective="2022-11", stance="oppose")
    made = post(client, "/v1/positions", body)
    path = f"/v1/positions/{made['id']}"
    amended = post(client, f"{path}/corrections", bodies.correction({**body, "stance": "neutral"}))
    merged = post(client, "/v1/actors/emma/merge", {"into": "ministry", "reason": "The same."})
    gone = post(client, f"{path}/retraction", bodies.retraction())
    store.catch_up()

    read = {
        name: get(client, path, known_size=answer["size"])
        for name, answer in (
            ("made", made),
            ("amended", amended),
            ("merged", merged),
            ("gone", gone),
        )
    }
    assert ["on_record", "corrected", "corrected", "retracted"] == [
        answer["status"] for answer in read.values()
    ]
    assert ["oppose", "neutral", "neutral", "neutral"] == [a["stance"] for a in read.values()]
    assert [
        ("emma", "Emma"),
        ("emma", "Emma"),
        ("ministry", "Ministry"),
        ("ministry", "Ministry"),
    ] == [(answer["actor"], answer["actor_label"]) for answer in read.values()]
    assert {"emma"} == {answer["recorded_as"] for answer in read.values()}
    assert ["adopted", "adopted", "adopted", None] == [answer["kind"] for answer in read.values()]
    assert [None, None, None, "Never said."] == [
        answer["closed"] and answer["closed"]["reason"] for answer in read.values()
    ]
    assert read["gone"] == get(client, path)
    for answer in read.values():
        address = answer["permalink"].removeprefix(PUBLIC_URL)
        assert address != answer["permalink"]
        assert answer == get(client, address)
        (statement,) = answer["statements"]
        assert (said["id"], "2022-11-01T00:00:00.000000Z") == (
            statement["id"],
            statement["said_earliest"],
        )
        assert "2022-12-31T23:59:59.999999Z" == statement["evidence"][0]["published_latest"]
    early = client.get(path, params={"known_size": made["size"] - 1})
    expect_problem(early, 404, "unknown-position")
    expect_problem(client.get("/v1/positions/nonsense"), 422, "invalid")


# Wikidata ids


def test_an_actor_is_found_by_its_wikidata_id(client: Client, store: Store) -> None:
    bodies.register_all(client)
    for id_, qid in (("ann", "Q1"), ("bob", "Q22"), ("bobby", "Q22")):
        post(client, "/v1/actors", bodies.actor(id_, identifiers={"wikidata": qid}))
    post(client, "/v1/actors", bodies.actor("Q333"))
    for actor in ("ann", "bob", "bobby", "Q333"):
        post(client, "/v1/positions", bodies.position(actor=actor))
        post(client, "/v1/statements", bodies.statement(speakers=[{"actor": actor}]))
    store.catch_up()
    lists = ("/v1/statements", "/v1/changes", "/v1/positions")

    assert "ann" == get(client, "/v1/actors/wikidata:Q1")["id"]
    assert "Q333" == get(client, "/v1/actors/wikidata:Q333")["id"]
    for path in lists:
        wanted = get(client, path, actor=["wikidata:Q1", "wikidata:Q333"])["items"]
        assert wanted == get(client, path, actor=["ann", "Q333"])["items"]
        assert 2 == len(wanted)

    problem = expect_problem(client.get("/v1/actors/wikidata:Q22"), 409, "ambiguous-actor")
    assert ["bob", "bobby"] == problem["candidates"]
    problem = expect_problem(client.get("/v1/actors/wikidata:Q4"), 404, "unknown-actor")
    assert "'wikidata:Q4'" in problem["detail"]
    expect_problem(client.get("/v1/actors/wikidata:x"), 422, "invalid")
    for path in lists:
        answer = client.get(path, params={"actor": ["wikidata:Q22", "wikidata:Q4"]})
        problem = expect_problem(answer, 422, "unknown-reference")
        assert ["actor", "actor"] == error_places(problem)

    post(client, "/v1/actors/bobby/merge", {"into": "bob", "reason": "The same."})
    store.catch_up()
    assert "bob" == get(client, "/v1/actors/wikidata:Q22")["id"]
    assert 2 == len(get(client, "/v1/statements", actor="wikidata:Q22")["items"])
