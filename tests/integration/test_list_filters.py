"""Tests of filters by actor and topic: several values, unknown ones, and sizes not reached."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from httpx2 import Client

from onrecord.kit.http import paging
from onrecord.kit.sql import db
from onrecord.projections.queries import SIZES
from onrecord.query import read_context
from tests.support import bodies, postgres
from tests.support.bodies import error_places, expect_problem, get, post
from tests.support.store import Store, open_store, run_api

ACTORS, TOPICS = ("emma", "ministry", "spokesman", "twin"), ("talks", "tariffs", "truce")
LISTS = [
    "/v1/statements",
    "/v1/changes",
    "/v1/changes?by=valid",
    "/v1/events?type=position.changed",
]
Pair = tuple[str, str]


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    """A statement and a position of each actor on each topic; twin is merged into emma."""
    with run_api(store.url) as new_client:
        bodies.register_all(new_client, ACTORS, TOPICS)
        for actor in ACTORS:
            for topic in TOPICS:
                said = bodies.statement(speakers=[{"actor": actor}], topics=[topic])
                post(new_client, "/v1/statements", said)
                post(new_client, "/v1/positions", bodies.position(actor=actor, topic=topic))
        post(new_client, "/v1/actors/twin/merge", {"into": "emma", "reason": "One."})
        store.catch_up()
        yield new_client


def pairs(items: list[dict[str, Any]]) -> list[Pair]:
    """Whom each item was recorded of, and on which topic."""
    found = []
    for item in items:
        if "entry" in item:
            touches = item["entry"]["touches"]
            found.append((touches["actors"][0], touches["topics"][0]))
        elif "speakers" in item:
            found.append((item["speakers"][0]["actor"], item["topics"][0]))
        else:
            found.append((item["recorded_as"], item["topic"]))
    return sorted(found)


def with_params(path: str, query: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{query}"


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "actors", "topics"),
    [
        ("actor=ministry&actor=spokesman", {"ministry", "spokesman"}, {*TOPICS}),
        ("actor=ministry&actor=ministry", {"ministry"}, {*TOPICS}),
        ("topic=truce&topic=talks", {*ACTORS}, {"truce", "talks"}),
        ("actor=ministry&topic=truce&actor=spokesman", {"ministry", "spokesman"}, {"truce"}),
        ("topic=truce&actor=ministry&topic=tariffs", {"ministry"}, {"truce", "tariffs"}),
    ],
)
def test_items_pass_with_any_of_the_actors_and_any_of_the_topics(
    client: Client, path: str, query: str, actors: set[str], topics: set[str]
) -> None:
    expected = sorted((actor, topic) for actor in actors for topic in topics)
    assert expected == pairs(get(client, with_params(path, query))["items"])
    if "actor=ministry&actor=spokesman" in query:
        page = get(client, with_params(path, f"{query}&limit=4"))
        rest = get(client, with_params(path, f"{query}&limit=4&cursor={page['next']}"))
        assert expected == sorted([*pairs(page["items"]), *pairs(rest["items"])])


@pytest.mark.parametrize("path", LISTS[:3])
@pytest.mark.parametrize("query", ["actor=emma", "actor=twin", "actor=twin&actor=emma"])
def test_merged_actors_count_once_as_their_canonical_actor(
    client: Client, path: str, query: str
) -> None:
    expected = [(actor, "talks") for actor in ("emma", "ministry", "twin")]
    items = get(client, with_params(path, f"{query}&actor=ministry&topic=talks"))["items"]
    assert expected == pairs(items)


@pytest.mark.parametrize("path", LISTS)
def test_unknown_actors_and_topics_are_refused_with_the_nearest(client: Client, path: str) -> None:
    query = "actor=emma&actor=minister&topic=talk&topic=tariffs&actor=nobody"
    answer = client.get(with_params(path, query))
    problem = expect_problem(answer, 422, "unknown-reference")
    assert error_places(problem) == ["actor", "actor", "topic"]
    messages = sorted(error["message"] for error in problem["errors"])
    assert messages[0].startswith("no actor 'minister' is on record; the nearest are 'ministry', ")
    assert messages[1].startswith("no actor 'nobody' is on record; the nearest are ")
    assert messages[2].startswith("no topic 'talk' is on record; the nearest are 'talks', ")


@pytest.mark.parametrize("path", LISTS[:3])
def test_a_name_that_came_on_record_later_is_unknown_at_earlier_sizes(
    client: Client, path: str
) -> None:
    answer = client.get(with_params(path, "known_size=1&actor=ministry&topic=talks"))
    problem = expect_problem(answer, 422, "unknown-reference")
    assert [
        "actor 'ministry' came on record after size 1; repeat with min_size",
        "topic 'talks' came on record after size 1; repeat with min_size",
    ] == [error["message"] for error in problem["errors"]]


@pytest.mark.parametrize(
    "path", [*LISTS[:3], "/v1/actors", "/v1/topics/talks", "/v1/actors/emma/topics/talks/position"]
)
def test_a_known_size_beyond_the_ledger_is_refused_at_once(
    client: Client, store: Store, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_context, "MAX_WAIT", 600.0)  # a wait would end the test
    size = bodies.ledger_size(store.url)
    assert get(client, with_params(path, f"known_size={size}"))["known"]["size"] == size
    answer = client.get(with_params(path, f"known_size={size + 1}"))
    problem = expect_problem(answer, 422, "invalid")
    assert error_places(problem) == ["known_size"]
    assert f"has {size} entries" in problem["errors"][0]["message"]


def test_a_cursor_with_a_size_beyond_the_ledger_is_refused_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a record that was restored from an older copy."""
    monkeypatch.setattr(read_context, "MAX_WAIT", 600.0)
    parts = [paging.digest("/v1/actors", []), 2**40, False, "emma"]
    cursor = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()
    answer = client.get("/v1/actors", params={"cursor": cursor})
    assert error_places(expect_problem(answer, 422, "invalid")) == ["cursor"]


def test_a_known_size_that_is_not_folded_yet_is_waited_for(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_context, "MAX_WAIT", 0.0)
    size = post(client, "/v1/actors", bodies.actor("new"))["size"]
    expect_problem(client.get(f"/v1/actors?known_size={size}"), 503, "not-yet")
    store.catch_up()
    assert get(client, "/v1/actors", known_size=size)["known"]["size"] == size


def test_a_replica_tells_no_size_of_the_ledger(store: Store) -> None:
    """By a function that answers as `pg_is_in_recovery` does on a replica. So a read waits."""
    with psycopg.connect(store.url, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA replica")
        conn.execute("CREATE FUNCTION replica.pg_is_in_recovery() RETURNS bool RETURN true")
        conn.execute("GRANT USAGE ON SCHEMA replica TO PUBLIC")
    with db.connect(store.url, role="onrecord_query", search_path="replica,pg_catalog") as conn:
        sql, _ = db.numbered_query(SIZES)
        ((_, ledger_size),) = conn.execute(sql).fetchall()
        assert ledger_size is None


def test_the_read_api_sees_the_size_of_the_ledger_and_none_of_its_tables(store: Store) -> None:
    with db.connect(store.url, role="onrecord_query") as conn:
        assert conn.execute("SELECT projections.ledger_size()").fetchone() == (
            bodies.ledger_size(store.url),
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT size FROM ledger.commits")
    with (
        db.connect(store.url, role="onrecord_webhooks") as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute("SELECT projections.ledger_size()")
