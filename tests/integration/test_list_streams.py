"""Tests of streamed lists: guarded cells, one size, and a stream that breaks off."""

import asyncio
import csv
import io
from typing import Any

import psycopg
import pytest
from httpx2 import Client, RemoteProtocolError, Response

from onrecord.kit.lists import list_route
from onrecord.kit.lists.csv_lines import FORMULA_STARTS
from tests.support import bodies
from tests.support.bodies import post
from tests.support.store import Store

SUFFIXES = (".json", ".ndjson", ".csv")


def csv_rows(answer: Response) -> list[dict[str, str]]:
    assert 200 == answer.status_code, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


def test_no_cell_begins_a_formula(client: Client, store: Store) -> None:
    bodies.register_all(client)
    texts = [f"{start}1+1|cmd" for start in FORMULA_STARTS]
    texts += ["plain", 'quoted "x", y', "line\nbreak", "=1; @2", "ünïcode \U0001f600"]
    for text in texts:
        post(
            client,
            "/v1/statements",
            bodies.statement(
                content=bodies.content(text=text), evidence=[bodies.evidence(title=text)], note=text
            ),
        )
    store.catch_up()
    rows = csv_rows(client.get("/v1/statements.csv", params={"stream": 1}))
    assert len(texts) == len(rows)
    guarded = [text if not text.startswith(FORMULA_STARTS) else f"'{text}" for text in texts]
    assert sorted(guarded) == sorted(row["content_text"] for row in rows)
    assert sorted(guarded) == sorted(row["note"] for row in rows)
    cells = [cell for row in rows for cell in row.values()]
    assert [] == [cell for cell in cells if cell.startswith(FORMULA_STARTS)]


def test_numbers_of_our_own_are_not_changed(client: Client, store: Store) -> None:
    bodies.register_all(client)
    post(client, "/v1/positions", bodies.position(order=-7))
    store.catch_up()
    (row,) = csv_rows(client.get("/v1/changes.csv"))
    assert "-7" == row["order"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_stream_stays_at_its_size_while_the_record_grows(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """A page is read when the client has taken the one before."""
    monkeypatch.setattr(list_route, "STREAM_PAGE", 2)
    bodies.register_all(client)
    for n in range(5):
        post(client, "/v1/positions", bodies.position(effective=f"2022-01-0{n + 1}"))
    store.catch_up()
    expected = client.get(f"/v1/changes{suffix}").content
    grown = False

    def grow_once(*_: Any) -> None:
        nonlocal grown
        if not grown:
            grown = True
            post(client, "/v1/positions", bodies.position(effective="2022-01-03", stance="oppose"))
            store.catch_up()

    original = list_route._pages

    async def pages_with_growth(*arguments: Any) -> Any:
        async for page in original(*arguments):
            yield page
            await asyncio.to_thread(grow_once)

    monkeypatch.setattr(list_route, "_pages", pages_with_growth)
    assert expected == client.get(f"/v1/changes{suffix}", params={"stream": 1}).content
    assert grown


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_stream_that_the_database_cuts_off_is_no_whole_answer(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """The read API's connections are ended after the first page, and no new one is let in."""
    monkeypatch.setattr(list_route, "STREAM_PAGE", 2)
    bodies.register_all(client)
    for n in range(5):
        post(client, "/v1/positions", bodies.position(effective=f"2022-01-0{n + 1}"))
    store.catch_up()
    original = list_route._pages

    async def pages_with_kill(*arguments: Any) -> Any:
        async for page in original(*arguments):
            yield page
            await asyncio.to_thread(end_connections, store.url)

    monkeypatch.setattr(list_route, "_pages", pages_with_kill)
    with client.stream("GET", f"/v1/changes{suffix}", params={"stream": 1}) as answer:
        assert 200 == answer.status_code
        with pytest.raises(RemoteProtocolError):
            answer.read()


def end_connections(url: str) -> None:
    """End the connections of the read API, whose role may not connect from now on."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("ALTER TABLE projections.checkpoints RENAME TO gone")
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'onrecord_query' AND datname = current_database()"
        )
