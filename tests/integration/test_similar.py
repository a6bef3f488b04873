"""Statements on record that a new one may repeat, in the answer to its POST."""

from uuid import uuid4

import pytest
from httpx2 import Client

from tests.support.bodies import (
    Json,
    content,
    correction,
    evidence,
    post,
    register_all,
    retraction,
    statement,
)
from tests.support.store import PUBLIC_URL, Store

WORDS = "Wir sind bereit, zu reden – d’accord?"
RESPELLED = "wir sind bereit zu reden: D'ACCORD"


def said(text: str, url: str, **over: Json) -> dict[str, Json]:
    return statement(content=content(text=text), evidence=[evidence(url=url)], **over)


def similar(client: Client, body: Json, **params: str) -> list[tuple[str, list[str]]]:
    """The similar statements in the answer to a dry run."""
    answer = client.post("/v1/statements", json=body, params={"dry_run": "1", **params})
    assert 200 == answer.status_code, answer.text
    return [(item["id"], item["why"]) for item in answer.json()["similar"]]


@pytest.fixture
def known(store: Store, client: Client) -> str:
    """The id of a statement on record."""
    register_all(client)
    id_: str = post(client, "/v1/statements", said(WORDS, "https://www.news.example/a/"))["id"]
    store.catch_up()
    return id_


def test_the_same_words_and_the_same_address_are_told_apart(known: str, client: Client) -> None:
    other = "https://other.example/"
    assert [(known, ["words"])] == similar(client, said(RESPELLED, other))
    assert [(known, ["address"])] == similar(client, said("Else.", "http://news.example/a#top"))
    assert [(known, ["words", "address"])] == similar(
        client, said(RESPELLED, "https://news.example/a")
    )
    archived = [evidence(url=other, archive_url="https://news.example/a")]
    assert [(known, ["address"])] == similar(
        client, statement(content=content(text="Else."), evidence=archived)
    )
    for distinct in (
        said(RESPELLED, other, speakers=[{"actor": "ministry"}]),
        said(f"{RESPELLED} Nein.", "https://news.example/A"),
        said("zu reden", "https://news.example/a?page=2"),
        said(RESPELLED, "https://news.example/a", same_utterance_as=[known]),
        said(WORDS, "https://news.example/a", id=known),
    ):
        answer = client.post("/v1/statements", json=distinct, params={"dry_run": "1"})
        assert [] == answer.json().get("similar", []), distinct


def test_a_recorded_statement_is_answered_with_permalinks_to_similar_ones(
    store: Store, known: str, client: Client
) -> None:
    answer = post(client, "/v1/statements", said(RESPELLED, "https://other.example/"))
    (item,) = answer["similar"]
    assert (known, ["words"]) == (item["id"], item["why"])
    path = item["permalink"].removeprefix(PUBLIC_URL)
    assert known == client.get(path).json()["id"]
    repeated = client.post("/v1/statements", json={**said("A.", "https://a.b"), "id": str(uuid4())})
    assert [] == repeated.json()["similar"]


def test_what_is_corrected_retracted_or_erased_is_not_found_by_what_it_was(
    store: Store, known: str, client: Client
) -> None:
    state = said("Else.", "https://else.example/")
    post(client, f"/v1/statements/{known}/corrections", correction(state))
    store.catch_up()
    assert [] == similar(client, said(RESPELLED, "https://news.example/a"))
    assert [(known, ["words", "address"])] == similar(client, state)
    erasure = {"sections": ["content"], "ground": "gdpr-17"}
    post(client, f"/v1/statements/{known}/erasure", erasure)
    store.catch_up()
    assert [(known, ["address"])] == similar(client, state)
    post(client, f"/v1/statements/{known}/retraction", retraction())
    store.catch_up()
    assert [] == similar(client, state)


def test_a_write_does_not_depend_on_the_look_up(store: Store, known: str, client: Client) -> None:
    with store.engine.connect() as conn:
        conn.exec_driver_sql("LOCK TABLE projections.statements IN ACCESS EXCLUSIVE MODE")
        answer = post(client, "/v1/statements", said(RESPELLED, "https://other.example/"))
    assert answer["similar"] is None
