"""Actors and topics by their Wikidata ids, in every path and filter of a read."""

from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Client
from typer.testing import CliRunner

from onrecord.entrypoints import cli
from tests.support import bodies, postgres
from tests.support.bodies import expect_problem, get, post
from tests.support.keys import TOKEN
from tests.support.store import Store, open_store, run_api

PATHS = (
    "/v1/actors/{actor}",
    "/v1/actors/{actor}/positions",
    "/v1/actors/{actor}/topics/{topic}/position",
    "/v1/actors/{actor}/topics/{topic}/timeline",
    "/v1/actors/{actor}/topics/{topic}/history",
)
OF_TOPICS = ("/v1/topics/{topic}", "/v1/topics/{topic}/positions")
LISTS = ("/v1/statements", "/v1/changes", "/v1/positions", "/v1/events")
AT = {"as_of": "2022-12-31"}


@pytest.fixture(scope="module")
def client(server_url: str, template: str) -> Iterator[Client]:
    """The APIs over a record of actors with one, the same, and no Wikidata id, and a topic."""
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(url) as running,
    ):
        write_record(running, store)
        yield running


def write_record(client: Client, store: Store) -> None:
    qids = {"ann": "Q1", "bob": "Q22", "bobby": "Q22", "carl": "Q5", "carla": "Q6"}
    for id_, qid in qids.items():
        post(client, "/v1/actors", bodies.actor(id_, identifiers={"wikidata": qid}))
    post(client, "/v1/actors", bodies.actor("Q333"))
    names = [{"name": "Q1", "lang": "en"}]
    post(client, "/v1/actors", bodies.actor("dora", names=names, identifiers={"viaf": "Q1"}))
    post(client, "/v1/topics", bodies.topic("Q7"))
    post(client, "/v1/topics", bodies.topic("talks", label="Q7"))
    for actor in (*qids, "Q333"):
        said = bodies.statement(speakers=[{"actor": actor}], topics=["Q7"])
        post(client, "/v1/statements", said)
        post(client, "/v1/positions", bodies.position(actor=actor, topic="Q7"))
    post(client, "/v1/actors/carla/merge", {"into": "carl", "reason": "The same."})
    store.catch_up()


def answer(client: Client, path: str, actor: str, topic: str) -> Any:
    params = AT if "position" in path else {}
    return get(client, path.format(actor=actor, topic=topic), **params)


@pytest.mark.parametrize(
    ("qid", "actor"), [("Q1", "ann"), ("Q333", "Q333"), ("Q5", "carl"), ("Q6", "carl")]
)
def test_paths_take_a_wikidata_id_for_an_actor(client: Client, qid: str, actor: str) -> None:
    for path in PATHS:
        assert answer(client, path, actor, "Q7") == answer(client, path, f"wikidata:{qid}", "Q7")


def test_paths_take_a_wikidata_id_for_a_topic(client: Client) -> None:
    for path in (*PATHS[2:], *OF_TOPICS):
        assert answer(client, path, "ann", "Q7") == answer(client, path, "ann", "wikidata:Q7")


@pytest.mark.parametrize("path", LISTS)
def test_filters_take_wikidata_ids_page_by_page(client: Client, path: str) -> None:
    named = {"actor": ["ann", "Q333", "carl"], "topic": "Q7", "limit": 2}
    references = {
        "actor": ["wikidata:Q1", "wikidata:Q333", "wikidata:Q6"],
        "topic": "wikidata:Q7",
        "limit": 2,
    }
    pages = [items_of(client, path, named), items_of(client, path, references)]
    assert pages[0] == pages[1]
    assert len(pages[0]) > 2


def items_of(client: Client, path: str, params: dict[str, Any]) -> list[Any]:
    items, page = [], get(client, path, **params)
    while True:
        items += page["items"]
        if page["next"] is None:
            return items
        page = get(client, path, **params, cursor=page["next"])


@pytest.mark.parametrize("path", PATHS)
def test_a_wikidata_id_of_two_actors_is_answered_with_both(client: Client, path: str) -> None:
    response = client.get(path.format(actor="wikidata:Q22", topic="Q7"))
    problem = expect_problem(response, 409, "ambiguous-actor")
    assert ["bob", "bobby"] == problem["candidates"]
    unknown = client.get(path.format(actor="wikidata:Q4", topic="Q7"))
    problem = expect_problem(unknown, 404, "unknown-actor")
    assert "'wikidata:Q4'" in problem["detail"]


@pytest.mark.parametrize("path", LISTS)
def test_filters_say_which_wikidata_ids_are_unknown_or_of_several(
    client: Client, path: str
) -> None:
    response = client.get(path, params={"actor": ["wikidata:Q22", "wikidata:Q4", "ann"]})
    messages = [e["message"] for e in expect_problem(response, 422, "unknown-reference")["errors"]]
    assert len(messages) == 2
    assert "'bob', 'bobby'" in messages[0]
    assert "'wikidata:Q4'" in messages[1]
    response = client.get(path, params={"topic": "wikidata:Q8"})
    (error,) = expect_problem(response, 422, "unknown-reference")["errors"]
    assert "topic" == error["parameter"]


@pytest.mark.parametrize("path", OF_TOPICS)
def test_an_unknown_wikidata_id_of_a_topic_is_an_unknown_topic(client: Client, path: str) -> None:
    expect_problem(client.get(path.format(topic="wikidata:Q8")), 404, "unknown-topic")


@pytest.mark.parametrize(
    ("kind", "name", "id_", "matches"),
    [
        ("actor", "wikidata:Q1", "ann", ["ann"]),
        ("actor", "wikidata:Q22", None, ["bob", "bobby"]),
        ("actor", "wikidata:Q6", "carl", ["carla"]),
        ("actor", "wikidata:Q4", None, []),
        ("actor", "Q1", None, ["ann", "dora"]),
        ("topic", "wikidata:Q7", "Q7", ["Q7"]),
        ("topic", "wikidata:Q8", None, []),
    ],
)
def test_names_take_a_wikidata_id_and_nothing_that_looks_like_it(
    client: Client, kind: str, name: str, id_: str | None, matches: list[str]
) -> None:
    found = get(client, "/v1/names", kind=kind, name=name)
    assert (id_, matches) == (found["id"], [match["id"] for match in found["matches"]])


def test_show_takes_wikidata_ids(client: Client) -> None:
    environment = {"ONRECORD_KEY": TOKEN}

    def show(*names: str) -> tuple[int, str]:
        command = ["show", *names, "--as-of", "2022-12-31", "--url", str(client.base_url)]
        result = CliRunner().invoke(cli.app, command, env=environment)
        return result.exit_code, " ".join(result.output.split())

    code, shown = show("wikidata:Q1", "wikidata:Q7")
    assert (0, "ann on Q7") == (code, shown[:9])
    code, shown = show("wikidata:Q22", "Q7")
    assert (2, True) == (code, "'wikidata:Q22' names 2 actors: bob (Bob), bobby (Bobby)" in shown)
    code, shown = show("wikidata:Q4", "Q7")
    assert (1, True) == (code, "no actor with the name 'wikidata:Q4' is on record" in shown)
