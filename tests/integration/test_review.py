"""Findings of the review, and the events that resolve them."""

import base64
import json
import socket
import threading
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from httpx2 import Client

from onrecord.kit.http import paging
from onrecord.projections import review as review_queries
from onrecord.query import change_routes, review_pages
from tests.support import bodies
from tests.support.cut_clients import opened_pools
from tests.support.processes import until
from tests.support.store import Store, run_api

Json = dict[str, Any]
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
NAMES = [{"name": "Джо Байден", "lang": "uk"}, {"name": "Joe Biden", "lang": "en"}]


@pytest.fixture(autouse=True)
def cast(client: Client) -> None:
    bodies.register_all(client)


def state(client: Client, **over: Any) -> str:
    body = bodies.statement(id=str(uuid4()), evidence=[bodies.evidence(url=f"https://n/{uuid4()}")])
    return str(bodies.post(client, "/v1/statements", {**body, **over})["id"])


def agree(client: Client, count: int) -> None:
    """Record statements that were read as support of the talks."""
    said = {"said_at": "2022-11-30", "stances": read_as("support")}
    lines = []
    for _ in range(count):
        evidence = [bodies.evidence(url=f"https://n/{uuid4()}")]
        body = bodies.statement(**said, evidence=evidence)
        lines.append(bodies.line("statement", str(uuid4()), body))
    assert {201} == {result["status"] for result in bodies.send(client, bodies.ndjson(lines))}


def read_as(stance: str) -> list[Json]:
    return [{"topic": "talks", "stance": stance}]


def hold(client: Client, **over: Any) -> str:
    body = bodies.position(**{"actor": "emma", "topic": "talks", "basis": [], **over})
    return str(bodies.post(client, "/v1/positions", body)["id"])


def review(client: Client, store: Store, **params: Any) -> list[Json]:
    """All findings, page by page. Each page that another one promised has some."""
    store.catch_up()
    items, page = [], bodies.get(client, "/v1/review", **params)
    while True:
        items += page["items"]
        if page["next"] is None:
            return items
        page = bodies.get(client, "/v1/review", **params, cursor=page["next"])
        assert page["items"]


def named(items: list[Json], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(item[name] for name in names) for item in items]


def test_a_stance_on_another_side_of_the_scale_is_a_contradiction(
    client: Client, store: Store
) -> None:
    supported = hold(client, stance="support", effective="2022-01-01")
    hold(client, stance="oppose", effective="2022-12-25")
    against = state(client, said_at="2022-11-30", stances=read_as("oppose"))
    neutral = state(client, said_at="2022-11-30", stances=read_as("neutral"))
    state(client, said_at="2022-11-30", stances=read_as("conditional_support"))
    state(client, said_at="2022-11-30", stances=read_as("mixed"))
    state(client, said_at="2022-12-26", stances=read_as("oppose"))
    state(client, said_at="2021", stances=read_as("oppose"))
    state(client, said_at="2022-11-30", stances=read_as("oppose"), embedded_in=neutral)
    findings = review(client, store)
    assert [
        ("contradiction", neutral, supported, "emma", "talks", "neutral", "support"),
        ("contradiction", against, supported, "emma", "talks", "oppose", "support"),
    ] == named(findings, "kind", "statement", "position", "actor", "topic", "said", "held")


def test_a_statement_of_inexact_date_contradicts_only_a_position_held_throughout(
    client: Client, store: Store
) -> None:
    hold(client, stance="support", effective="2021")
    hold(client, stance="oppose", effective="2022-06-01")
    state(client, said_at="2022", stances=read_as("support"))
    state(client, said_at="2022-06", stances=read_as("oppose"))
    surely = state(client, said_at="2022-07", stances=read_as("support"))
    assert [surely] == [item["statement"] for item in review(client, store)]


def test_a_contradiction_that_the_dates_leave_open_is_possible(
    client: Client, store: Store
) -> None:
    """The position changed on some day of 2022, and at the latest in 2024, perhaps long before."""
    supported = hold(client, stance="support", effective="2021")
    opposed = hold(client, stance="oppose", effective="2022")
    hold(client, stance="neutral", effective="../2024")
    dates = {"2022-06-30": "support", "2023-05": "support", "../2021": "neutral", "2025": "neutral"}
    said = [state(client, said_at=date, stances=read_as(dates[date])) for date in dates]
    state(client, said_at="2022-01-01", stances=read_as("mixed"))
    findings = review(client, store, kind="contradiction")
    assert [
        (said[2], supported, "possible"),
        (said[1], opposed, "definite"),
        (said[0], opposed, "possible"),
    ] == named(findings, "statement", "position", "certainty")
    assert ["leave it open" in finding["message"] for finding in findings] == [
        finding["certainty"] == "possible" for finding in findings
    ]


def test_the_missing_change_resolves_a_contradiction_at_later_sizes_only(
    client: Client, store: Store
) -> None:
    hold(client, stance="support", effective="2022-01-01")
    against = state(client, said_at="2022-11-30", stances=read_as("oppose"))
    (before,) = review(client, store)
    size = bodies.get(client, "/v1/review")["known"]["size"]
    hold(client, stance="oppose", effective="2022-11-30")
    assert [] == review(client, store)
    assert [before] == review(client, store, known_size=size)
    assert against == before["statement"]


def test_a_statement_of_a_merged_actor_contradicts_the_canonical_actor(
    client: Client, store: Store
) -> None:
    hold(client, actor="ministry", stance="support", effective="2022-01-01")
    state(client, said_at="2022-11-30", stances=read_as("oppose"))
    assert [] == review(client, store)
    bodies.post(client, "/v1/actors/emma/merge", {"into": "ministry", "reason": "One."})
    assert [("ministry",)] == named(review(client, store), "actor")


def test_speakers_merged_into_the_same_actor_contradict_it_once(
    client: Client, store: Store
) -> None:
    hold(client, actor="ministry", stance="support", effective="2022-01-01")
    speakers = [{"actor": actor, "capacity": "joint"} for actor in ("emma", "ministry")]
    state(client, speakers=speakers, said_at="2022-11-30", stances=read_as("oppose"))
    bodies.post(client, "/v1/actors/emma/merge", {"into": "ministry", "reason": "One."})
    assert [("ministry",)] == named(review(client, store), "actor")


def test_a_position_without_first_hand_evidence_is_unsupported(
    client: Client, store: Store
) -> None:
    first, second = state(client), state(client)
    account = state(client, embedded_in=first)
    resting = hold(client, basis=[first, second], effective="2022-01")
    hearsay = hold(client, basis=[account], effective="2022-02")
    hold(client, basis=[], effective="2022-03")
    bodies.post(client, f"/v1/statements/{first}/retraction", bodies.retraction())
    assert [hearsay] == [item["position"] for item in review(client, store)]
    bodies.post(client, f"/v1/statements/{second}/retraction", bodies.retraction())
    findings = review(client, store, kind="unsupported")
    assert [hearsay, resting] == [item["position"] for item in findings]
    bodies.post(client, f"/v1/positions/{hearsay}/retraction", bodies.retraction())
    replacement = bodies.statement(evidence=[bodies.evidence(url="https://n/again")])
    bodies.post(client, f"/v1/statements/{first}/corrections", bodies.correction(replacement))
    assert [] == review(client, store)


def test_each_later_statement_with_the_same_words_and_url_is_listed_once(
    client: Client, store: Store
) -> None:
    page = [bodies.evidence(url="https://n/1")]
    first, second = state(client, evidence=page), state(client, evidence=page)
    third = state(client, evidence=[*page, bodies.evidence(url="https://n/2")])
    state(client, evidence=page, content=bodies.content(text="Other words."))
    state(client)
    findings = review(client, store)
    assert [("same_words", second, first), ("same_words", third, first)] == named(
        findings, "kind", "statement", "other"
    )
    bodies.post(client, f"/v1/statements/{second}/retraction", bodies.retraction())
    replacement = bodies.statement(evidence=page, same_utterance_as=[first])
    bodies.post(client, f"/v1/statements/{third}/corrections", bodies.correction(replacement))
    assert [] == review(client, store)


def test_erased_words_equal_no_other_words(client: Client, store: Store) -> None:
    page = [bodies.evidence(url="https://n/1")]
    state(client, evidence=page)
    later = state(client, evidence=page)
    assert [later] == [item["statement"] for item in review(client, store)]
    erasure = {"sections": ["content"], "ground": "gdpr-17"}
    bodies.post(client, f"/v1/statements/{later}/erasure", erasure)
    assert [] == review(client, store)


@pytest.mark.parametrize("candidates", [1, 2, 3])
def test_findings_are_complete_however_few_candidates_a_page_looks_at(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch, candidates: int
) -> None:
    page = [bodies.evidence(url="https://n/1")]
    hold(client, stance="support", effective="2022-01-01")
    for stances in ([], read_as("oppose"), read_as("support"), read_as("oppose")):
        state(client, evidence=page, stances=stances)
        state(client)
    whole = review(client, store)
    fewer = dict.fromkeys(review_queries.MAX_CANDIDATES, candidates)
    monkeypatch.setattr(review_queries, "MAX_CANDIDATES", fewer)
    assert 2 + 3 == len(whole)
    assert whole == review(client, store)
    assert whole == review(client, store, limit=1)


def test_a_page_promises_another_only_if_a_finding_follows_however_far_it_is(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many statements agree with the record before, between and after the two that do not."""
    hold(client, stance="support", effective="2022-01-01")
    contradicting = []
    for _ in range(2):
        agree(client, 15)
        contradicting.append(state(client, said_at="2022-11-30", stances=read_as("oppose")))
    agree(client, 15)
    store.catch_up()
    one_by_one = dict.fromkeys(review_queries.MAX_CANDIDATES, 1)
    monkeypatch.setattr(review_queries, "MAX_CANDIDATES", one_by_one)
    for limit in (1, 2, 50):
        pages: list[list[str]] = []
        cursor: dict[str, str] = {}
        while True:
            page = bodies.get(client, "/v1/review", limit=limit, **cursor)
            pages.append([item["statement"] for item in page["items"]])
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        # once it has looked at many candidates, a page is short rather than late
        assert [[statement] for statement in reversed(contradicting)] == pages


def test_a_search_for_findings_ends_when_its_client_goes_away(store: Store) -> None:
    candidates, ended = 300, threading.Event()

    async def find_page(*args: Any) -> Any:
        try:
            return await review_pages.find_page(*args)
        finally:
            ended.set()

    with opened_pools() as pools, run_api(store.url) as client:
        agree(client, candidates)
        store.catch_up()
        (pool,) = (pool for pool in pools if "onrecord_query" in str(pool.conninfo))
        with pytest.MonkeyPatch.context() as patch, psycopg.connect(store.url) as conn:
            one_by_one = dict.fromkeys(review_queries.MAX_CANDIDATES, 1)
            patch.setattr(review_queries, "MAX_CANDIDATES", one_by_one)
            patch.setattr(change_routes, "find_page", find_page)
            conn.execute("LOCK TABLE projections.statements IN ACCESS EXCLUSIVE MODE")
            address = (client.base_url.host, client.base_url.port)
            with socket.create_connection(address) as connection:
                connection.sendall(b"GET /v1/review HTTP/1.1\r\nHost: onrecord\r\n\r\n")
                until(lambda: conn.execute(WAITING).fetchone() == (1,), "the search waits")
            queries_before = pool.get_stats()["requests_num"]
            conn.rollback()
            assert ended.wait(60)
            assert pool.get_stats()["requests_num"] - queries_before < candidates / 2


@pytest.mark.parametrize("place", ["x", "1;DROP", "9" * 30])
def test_a_forged_cursor_is_refused(client: Client, store: Store, place: str) -> None:
    for kind in ("contradiction", "same_words", "nothing"):
        parts = [paging.digest("/v1/review", []), 0, False, kind, place]
        cursor = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()
        answer = client.get("/v1/review", params={"cursor": cursor})
        assert ["cursor"] == [error["parameter"] for error in answer.json()["errors"]]


def test_each_finding_says_where_the_event_that_resolves_it_is_posted(
    client: Client, store: Store
) -> None:
    resting = hold(client, basis=[state(client, embedded_in=state(client))], effective="2022-02")
    (finding,) = review(client, store)
    assert [f"/v1/positions/{resting}/{what}" for what in ("corrections", "retraction")] == finding[
        "resolve"
    ]
    assert UUID(finding["statement"])


def test_findings_speak_in_names_and_labels_as_they_were_at_the_size(
    client: Client, store: Store
) -> None:
    bodies.post(client, "/v1/actors", bodies.actor("biden", names=NAMES))
    label = {"label": "Talks with Putin", "proposition": "Hold talks"}
    bodies.post(client, "/v1/topics/talks/revision", label)
    speaker = {"speakers": [{"actor": "biden"}]}
    hold(client, actor="biden", stance="conditional_support", effective="2022-01-01")
    state(client, said_at="2022-11-30", stances=read_as("oppose"), **speaker)
    basis = [state(client, embedded_in=state(client))]
    hold(client, actor="biden", basis=basis, effective="2022-12-01")
    findings = review(client, store)
    about = ("biden", "talks")
    assert [about, about] == named(findings, "actor", "topic")
    assert findings[0]["message"].startswith(
        "Joe Biden on “Talks with Putin”: the statement was read as opposition, and the position"
        " held then is conditional support."
    )
    assert findings[1]["message"].startswith(
        "Joe Biden on “Talks with Putin”: no statement is left on which the position can rest."
    )
    size = bodies.post(client, "/v1/topics/talks/revision", {**label, "label": "Talks"})["size"]
    for known_size, expected in ((size - 1, "“Talks with Putin”:"), (size, "“Talks”:")):
        finding = review(client, store, known_size=known_size)[0]
        assert finding["message"].startswith(f"Joe Biden on {expected}")
