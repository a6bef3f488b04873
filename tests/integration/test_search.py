"""Tests of search by `q`: its syntax, its pages, what it refuses, and which words it looks at."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from httpx2 import Client

from onrecord.kit.sql import db
from onrecord.projections.engine.versions import NEVER
from onrecord.projections.queries import statements_page
from tests.support import bodies, postgres
from tests.support.bodies import content, correction, expect_problem, get, post, statement
from tests.support.searches import found, say
from tests.support.store import Store, open_store, run_api


def test_the_syntax_of_searches_holds_for_every_way_of_typing(client: Client, store: Store) -> None:
    bodies.register_all(client)
    texts = {"a": "Talks, yes; war, no.", "b": "No war. Yes!", "c": "まちづくりは戦争ではない"}
    names = {
        say(client, text, lang): name
        for (name, text), lang in zip(texts.items(), ("en", "en", "ja"), strict=True)
    }
    store.catch_up()
    for typed, expected in (
        ('"war no"', "a"),
        ("“war no”", "a"),
        ("«no war»", "b"),
        ("WAR -Talks", "b"),
        ("war -talk", "b"),
        ("talks or yes", "ba"),
        ("talks OR まちづくり", "ca"),
        ("-talks", "cb"),
        ("war -", "ba"),
        ("war or", ""),
        ("or", ""),
        ("まち 戦争", "c"),
        ("まち -戦争", ""),
        ("まち戦争", ""),
        ("づちまく", ""),
        ('"まちづくりは戦争"', "c"),
    ):
        answer = "".join(names[id_] for id_ in found(client, "statements", typed))
        assert expected == answer, typed


@pytest.fixture(scope="module")
def refusing(server_url: str, template: str) -> Iterator[Client]:
    """A client of all APIs, for tests that record nothing. The actors and topics are on record."""
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as new_store,
        run_api(url) as new_client,
    ):
        bodies.register_all(new_client)
        new_store.catch_up()
        yield new_client


@pytest.mark.parametrize("typed", [" ", "\u200b", "\u00a0\t", "\ufeff"])
def test_a_search_for_nothing_that_can_be_seen_is_refused(refusing: Client, typed: str) -> None:
    for kind in ("statements", "actors", "topics"):
        expect_problem(refusing.get(f"/v1/{kind}", params={"q": typed}), 422, "invalid")


@pytest.mark.parametrize("typed", ["!", "’", '""', "-", "- –", "…"])
def test_a_search_of_statements_without_a_word_is_refused(refusing: Client, typed: str) -> None:
    expect_problem(refusing.get("/v1/statements", params={"q": typed}), 422, "invalid")
    assert [] == found(refusing, "actors", typed)


def test_only_current_words_and_names_are_searched(client: Client, store: Store) -> None:
    bodies.register_all(client)
    id_ = say(client, "Gespräche", "de")
    body = statement(content=content(text="Verhandlungen", lang="de"))
    size = post(client, f"/v1/statements/{id_}/corrections", correction(body))["size"]
    erased = say(client, "Übergangsregierung", "de")
    store.catch_up()
    assert [[], [id_]] == [found(client, "statements", q) for q in ("gesprache", "verhandlung")]
    assert [erased] == found(client, "statements", "ubergangsregierung")
    erasure = {"sections": ["content"], "ground": "court-order"}
    post(client, f"/v1/statements/{erased}/erasure", erasure)
    store.catch_up()
    assert [] == found(client, "statements", "übergangsregierung")
    assert [] == found(client, "statements", "ubergangsregierung", known_size=size + 1)
    with db.connect(store.url) as conn:
        rows = conn.execute("SELECT search::text FROM projections.statements").fetchall()
    assert "regierung" not in str(rows)


def test_names_of_an_earlier_size_are_searched_at_that_size(client: Client, store: Store) -> None:
    size = post(client, "/v1/actors", bodies.actor(names=[{"name": "Øye", "lang": "no"}]))["size"]
    revised = bodies.actor(names=[{"name": "Łukasz", "lang": "pl"}])
    del revised["id"]
    post(client, "/v1/actors/emma/revision", revised)
    store.catch_up()
    assert [["emma"], []] == [found(client, "actors", q) for q in ("lukasz", "oye")]
    assert [[], ["emma"]] == [
        found(client, "actors", q, known_size=size) for q in ("lukasz", "oye")
    ]


def test_a_page_is_found_among_the_next_statements_and_behind_them(
    client: Client, store: Store
) -> None:
    """The list looks at the next 2,000 statements first; these must not hide what comes after."""
    bodies.register_all(client)
    old = [post(client, "/v1/statements", statement(said_at=f"19{n}"))["id"] for n in range(70, 75)]
    say(client, "Nothing.", "en")
    store.catch_up()
    with db.connect(store.url) as conn:
        conn.execute(COPIES)
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = get(client, "/v1/statements", q="talk", limit=2, **cursor)
        pages.append([item["id"] for item in answer["items"]])
        if answer["next"] is None:
            break
        cursor = {"cursor": answer["next"]}
    assert [old[:2:-1], old[2:0:-1], old[:1]] == pages
    assert 50 == len(found(client, "statements", "nothing", limit=50))


COPIES = """
INSERT INTO projections.statements (generation, id, made_seq, open_seq, close_seq, event,
    event_type, recorded_at, recorded_by, said_from, said_until, actors, topics, outlets, doc,
    erased)
SELECT generation, gen_random_uuid(), made_seq, open_seq, close_seq, event, event_type,
    recorded_at, recorded_by, said_from, said_until, actors, topics, outlets, doc, erased
FROM projections.statements, generate_series(1, 2100)
WHERE doc #>> '{content,text}' = 'Nothing.'
"""


def test_a_page_without_a_search_reads_no_more_than_it_shows(client: Client, store: Store) -> None:
    bodies.register_all(client)
    say(client, "Nothing.", "en")
    store.catch_up()
    query, names = db.numbered_query(statements_page({"in_order"}))
    latest = datetime.max.replace(tzinfo=UTC)
    params = {"known_size": None, "before": latest, "made_seq": NEVER, "limit": 51}
    with db.connect(store.url, enable_seqscan="off") as conn:
        conn.execute(COPIES)
        conn.execute("ANALYZE projections.statements")
        explain = b"EXPLAIN (ANALYZE, FORMAT JSON) " + query
        cursor = psycopg.RawCursor(conn)
        (plan,) = cursor.execute(explain, [params[name] for name in names]).fetchone() or ([],)
    assert 51 == max(rows_read(plan[0]["Plan"]))


def rows_read(node: dict[str, Any]) -> Iterator[float]:
    """The rows that a node of a plan and those below it produce."""
    yield node["Actual Rows"]
    for below in node.get("Plans", ()):
        yield from rows_read(below)


@pytest.mark.parametrize("length", [2_042, 2_043, 2_046, 2_047, 5_000])
def test_a_word_that_no_vector_holds_stops_no_fold(
    client: Client, store: Store, length: int
) -> None:
    bodies.register_all(client)
    id_ = say(client, f"Talks {'x' * length} é", "en")
    store.catch_up()
    assert [id_] == found(client, "statements", "talks")


def test_a_long_search_is_answered(client: Client, store: Store) -> None:
    bodies.register_all(client)
    id_ = say(client, "Talks", "en")
    store.catch_up()
    for typed in ("talks " * 83, "talks or " * 55, "\U00010428" * 500, "国" * 500):
        assert [id_] * ("talks" in typed) == found(client, "statements", typed[:500].rstrip(" or"))


def test_a_word_that_grows_when_it_is_normalized_stops_no_fold(
    client: Client, store: Store
) -> None:
    """U+FDF2 is four letters once written out: 272 characters become a word of over 2 KiB."""
    bodies.register_all(client)
    long = say(client, "\ufdf2" * 250 + "\u0627" * 22 + " peace", "en")
    later = say(client, "Talks.", "en")
    store.catch_up()
    assert [long] == found(client, "statements", "peace")
    assert [later] == found(client, "statements", "talks")


@pytest.mark.parametrize("path", ["/v1/statements", "/v1/actors", "/v1/topics"])
def test_a_search_that_grows_when_it_is_normalized_is_refused(refusing: Client, path: str) -> None:
    """U+FDFA is four words once written out; 500 of them took the database ten seconds."""
    expect_problem(refusing.get(path, params={"q": "\ufdfa" * 500}), 422, "invalid")


@pytest.mark.parametrize("query", ["q=caf%E9", "q=%ED%A0%80talk", "actor=%A3ukasz"])
def test_a_query_string_that_is_not_utf_8_is_refused(refusing: Client, query: str) -> None:
    expect_problem(refusing.get(f"/v1/statements?{query}"), 422, "invalid")
