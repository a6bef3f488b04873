"""Tests of the audit API: events are served byte for byte as hashed, in pages and as a stream.

Hashes and commitments are recomputed here from the raw bytes of the answers, with `hashlib`, `hmac`
and the `rfc8785` package, and compared with the ledger's own columns.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import rfc8785
from httpx2 import Client, Response

from tests.support import bodies, postgres
from tests.support.bodies import (
    STRANGE_STRINGS,
    content,
    correction,
    error_places,
    expect_problem,
    get,
    line,
    ndjson,
    post,
    register_all,
    retraction,
    send,
    statement,
)
from tests.support.keys import KEY_ID
from tests.support.store import Store, open_store, run_api

NDJSON = {"Accept": "application/x-ndjson"}
FILTERS: list[dict[str, Any]] = [
    {},
    {"actor": "emma"},
    {"topic": "tariffs"},
    {"type": "statement.made"},
    {"actor": "emma", "topic": "talks", "type": "position.changed"},
    {"actor": "ministry", "type": "statement.corrected"},
    {"actor": "emma", "type": "actor.merged"},
    {"after": 6},
    {"after": 6, "actor": "emma"},
    {"after": 10**9},
]


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    """A client of a ledger with events of every kind, more than a stream reads at once.

    No projection has caught up.
    """
    with run_api(store.url) as new_client:
        register_all(new_client)
        identifiers = {"z": "\U00010000", "Z": "\uffff", "a.b": "\u00e9", "1": "e", "10": "f"}
        post(new_client, "/v1/actors", bodies.actor("strange", identifiers=identifiers))
        full = {**bodies.FULL_STATEMENT, "note": "".join(STRANGE_STRINGS)}
        positions = [
            bodies.additional_position(topic="tariffs"),
            bodies.additional_position(actor="ministry"),
        ]
        recorded = post(new_client, "/v1/statements", {**full, "positions": positions})
        post(new_client, f"/v1/statements/{recorded['id']}/corrections", correction(full))
        post(new_client, f"/v1/statements/{recorded['id']}/retraction", retraction())
        post(new_client, "/v1/positions", bodies.FULL_POSITION)
        contents = [content(text=f"{text} {n}") for n in range(100) for text in STRANGE_STRINGS]
        send(
            new_client,
            ndjson(line("statement", uuid4(), statement(content=item)) for item in contents),
        )
        yield new_client


@pytest.fixture(scope="module")
def lines(client: Client) -> list[str]:
    """Every event as a line of the stream."""
    return stream_lines(client.get("/v1/events", headers=NDJSON))


def stream_lines(answer: Response) -> list[str]:
    assert (answer.status_code, bodies.media_type(answer)) == (200, "application/x-ndjson")
    assert answer.text == "" or answer.text.endswith("\n")
    return answer.text.split("\n")[:-1]


def items_of_page(text: str) -> Iterator[str]:
    """The JSON objects in a page, each as its original text."""
    assert text.startswith('{"items":[')
    at = len('{"items":[')
    while text[at] != "]":
        at += text[at] == ","
        _, end = json.JSONDecoder().raw_decode(text, at)
        yield text[at:end]
        at = end


def entry_bytes(text: str) -> bytes:
    """The bytes of the `"entry"` value in a line."""
    start = len('{"entry":')
    assert text.startswith('{"entry":')
    _, end = json.JSONDecoder().raw_decode(text, start)
    return text[start:end].encode()


def test_every_entry_hashes_to_its_leaf_in_the_ledger(store: Store, lines: list[str]) -> None:
    with psycopg.connect(store.url) as conn:
        leaves = conn.execute("SELECT seq, entry, leaf_hash FROM ledger.entries ORDER BY seq")
        expected = [(seq, bytes(entry), bytes(leaf)) for seq, entry, leaf in leaves]
    seen = [
        (n, entry_bytes(text), hashlib.sha256(b"\x00" + entry_bytes(text)).digest())
        for n, text in enumerate(lines)
    ]
    assert len(expected) > 600
    assert expected == seen


def test_every_entry_is_canonical_ascii_with_its_own_seq(lines: list[str]) -> None:
    for n, text in enumerate(lines):
        entry = json.loads(entry_bytes(text))
        assert entry_bytes(text).isascii()
        assert rfc8785.dumps(entry) == entry_bytes(text)
        assert (n, str(KEY_ID), 2) == (entry["seq"], entry["recorded_by"], entry["v"])


def test_every_commitment_is_the_hmac_of_its_section(lines: list[str]) -> None:
    salts = set()
    for event in map(json.loads, lines):
        assert event["erased"] == {}
        commitments = {}
        for section, part in event["payload"].items():
            salt = bytes.fromhex(part["salt"])
            assert len(salt) == 32
            salts.add(salt)
            commitments[section] = hmac.digest(salt, rfc8785.dumps(part["value"]), "sha256").hex()
        assert event["entry"]["commit"] == commitments
    assert sum(len(json.loads(line)["payload"]) for line in lines) == len(salts)


@pytest.mark.usefixtures("client")  # which records them
def test_sections_are_stored_as_canonical_bytes(store: Store) -> None:
    with psycopg.connect(store.url) as conn:
        values = [bytes(row[0]) for row in conn.execute("SELECT value FROM ledger.payloads")]
    assert values
    for value in values:
        assert rfc8785.dumps(json.loads(value)) == value


def test_entries_hold_no_free_text(lines: list[str]) -> None:
    entries = b"\n".join(map(entry_bytes, lines))
    for word in (b"Spokesman", b"DROP TABLE", b"example", b"Daily", b"leave", b"Press", b"ready"):
        assert word not in entries
        assert word.decode() in "\n".join(lines)


@pytest.mark.parametrize("limit", [1, 7, 1_000])
@pytest.mark.parametrize("params", FILTERS, ids=str)
def test_pages_and_the_stream_give_the_same_bytes(
    client: Client, lines: list[str], params: dict[str, Any], limit: int
) -> None:
    expected = [line for line in lines if passes(json.loads(line)["entry"], params)]
    assert expected == stream_lines(client.get("/v1/events", params=params, headers=NDJSON))
    seen: list[str] = []
    answer = client.get("/v1/events", params={**params, "limit": limit})
    for _ in range(12):
        seen += items_of_page(answer.text)
        link = answer.headers.get("Link", "").partition("<")[2].partition(">")[0]
        assert (answer.json()["next"] is None) == (link == "")
        if not link:
            break
        assert answer.json()["next"] in link
        answer = client.get(link)
    assert expected[: len(seen)] == seen
    assert len(seen) == min(len(expected), 12 * limit)


def passes(entry: dict[str, Any], params: dict[str, Any]) -> bool:
    touches = entry["touches"]
    return (
        params.get("actor") in (None, *touches["actors"])
        and params.get("topic") in (None, *touches["topics"])
        and params.get("type") in (None, entry["type"])
        and entry["seq"] > params.get("after", -1)
    )


def test_a_stream_continues_from_a_cursor(client: Client, lines: list[str]) -> None:
    cursor = get(client, "/v1/events", limit=9)["next"]
    answer = client.get("/v1/events", params={"cursor": cursor}, headers=NDJSON)
    assert lines[9:] == stream_lines(answer)


def test_a_single_event_has_the_same_bytes(client: Client, lines: list[str]) -> None:
    for text in lines[:20]:
        answer = client.get(f"/v1/events/{json.loads(text)['entry']['id']}")
        assert (200, text) == (answer.status_code, answer.text)
        assert bodies.media_type(answer) == "application/json"


def test_texts_are_served_exactly_as_they_were_sent(lines: list[str]) -> None:
    values = [json.loads(line)["payload"].get("content", {}).get("value", {}) for line in lines]
    texts = {value["content"]["text"] for value in values if "content" in value}
    assert {f"{text} {n}" for n in range(100) for text in STRANGE_STRINGS} <= texts


def test_an_unknown_event_is_not_found(client: Client) -> None:
    expect_problem(client.get(f"/v1/events/{uuid4()}"), 404, "unknown-event")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("type", "statement.unmade"), ("type", "statement"), ("type", "")),
        *(("limit", 0), ("limit", 1_001), ("after", -2), ("after", 2**53), ("after", "x")),
        *(("actor", "Emma"), ("topic", ""), ("cursor", "x"), ("known_size", 1)),
    ],
)
def test_invalid_parameters_are_refused_and_named(client: Client, name: str, value: Any) -> None:
    for headers in ({}, NDJSON):
        answer = client.get("/v1/events", params={name: value}, headers=headers)
        assert [name] == error_places(expect_problem(answer, 422, "invalid"))
