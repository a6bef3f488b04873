"""Pages of the review: what each looks at, and whether another one follows."""

import base64
import json
import socket
import threading
from typing import Any

import psycopg
import pytest
from httpx2 import Client

from onrecord.kit.http import paging
from onrecord.projections import review as review_queries
from onrecord.query import change_routes, review_pages
from tests.support import bodies
from tests.support.cut_clients import opened_pools
from tests.support.keys import TOKEN
from tests.support.processes import until
from tests.support.reviews import agree, hold, read_as, review, state
from tests.support.store import Store, run_api

WAITING = """
SELECT EXISTS (
    SELECT FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'
        AND relation = 'projections.statements'::regclass
)
"""
"""Not by `pg_stat_activity`, of which a transaction sees what its first look saw."""


@pytest.fixture(autouse=True)
def cast(client: Client) -> None:
    bodies.register_all(client)


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

    async def find_page(*args: Any, **options: Any) -> Any:
        try:
            return await review_pages.find_page(*args, **options)
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
                head = f"Host: localhost\r\nAuthorization: Bearer {TOKEN}"
                connection.sendall(f"GET /v1/review HTTP/1.1\r\n{head}\r\n\r\n".encode())
                until(lambda: conn.execute(WAITING).fetchone() == (True,), "the search waits")
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
