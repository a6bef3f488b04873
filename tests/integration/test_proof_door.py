"""Does the proof door give every event byte for byte as it was hashed, in pages and as a stream?

Hashes and commitments are recomputed here from the raw bytes of the answers, with `hashlib`, `hmac`
and the `rfc8785` package, and held against the ledger's own columns.
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
from tests.support.record import Record, record, serving

NDJSON = {"Accept": "application/x-ndjson"}
ASKED: list[dict[str, Any]] = [
    {},
    {"actor": "emma"},
    {"topic": "tariffs"},
    {"type": "statement.made"},
    {"actor": "emma", "topic": "talks", "type": "position.changed"},
    {"actor": "ministry", "type": "statement.corrected"},
    {"actor": "nobody"},
    {"after": 6},
    {"after": 6, "actor": "emma"},
    {"after": 10**9},
]


@pytest.fixture(scope="module")
def on_record(server_url: str, template: str) -> Iterator[Record]:
    with postgres.database(server_url, template) as url, record(url) as made:
        yield made


@pytest.fixture(scope="module")
def client(on_record: Record) -> Iterator[Client]:
    """More events than one read of a stream takes, some of every kind; nothing is folded."""
    with serving(on_record.url) as made:
        register_all(made)
        identifiers = {"z": "\U00010000", "Z": "\uffff", "a.b": "\u00e9", "1": "e", "10": "f"}
        post(made, "/v1/actors", bodies.actor("strange", identifiers=identifiers))
        full = {**bodies.FULL_STATEMENT, "note": "".join(STRANGE_STRINGS)}
        along = [
            bodies.additional_position(topic="tariffs"),
            bodies.additional_position(actor="ministry"),
        ]
        said = post(made, "/v1/statements", {**full, "positions": along})
        post(made, f"/v1/statements/{said['id']}/corrections", correction(full))
        post(made, f"/v1/statements/{said['id']}/retraction", retraction())
        post(made, "/v1/positions", bodies.FULL_POSITION)
        words = [content(text=f"{one} {n}") for n in range(100) for one in STRANGE_STRINGS]
        send(made, ndjson(line("statement", uuid4(), statement(content=one)) for one in words))
        yield made


@pytest.fixture(scope="module")
def lines(client: Client) -> list[str]:
    """Every event as the stream gives it."""
    return stream(client.get("/v1/events", headers=NDJSON))


def stream(answer: Response) -> list[str]:
    assert (answer.status_code, bodies.media_type(answer)) == (200, "application/x-ndjson")
    assert answer.text == "" or answer.text.endswith("\n")
    return answer.text.split("\n")[:-1]


def cut(text: str) -> Iterator[str]:
    """The JSON objects that stand in a page, each as its own bytes."""
    assert text.startswith('{"items":[')
    at = len('{"items":[')
    while text[at] != "]":
        at += text[at] == ","
        _, end = json.JSONDecoder().raw_decode(text, at)
        yield text[at:end]
        at = end


def entry_bytes(text: str) -> bytes:
    """The entry cut out of a line: what stands between `"entry":` and what follows it."""
    start = len('{"entry":')
    assert text.startswith('{"entry":')
    _, end = json.JSONDecoder().raw_decode(text, start)
    return text[start:end].encode()


def test_every_entry_hashes_to_its_leaf_in_the_ledger(on_record: Record, lines: list[str]) -> None:
    with psycopg.connect(on_record.url) as conn:
        leaves = conn.execute("SELECT seq, entry, leaf_hash FROM ledger.entries ORDER BY seq")
        expected = [(seq, bytes(entry), bytes(leaf)) for seq, entry, leaf in leaves]
    seen = [
        (n, entry_bytes(one), hashlib.sha256(b"\x00" + entry_bytes(one)).digest())
        for n, one in enumerate(lines)
    ]
    assert len(expected) > 600
    assert expected == seen


def test_every_entry_is_canonical_ascii_and_knows_its_place(lines: list[str]) -> None:
    for n, one in enumerate(lines):
        entry = json.loads(entry_bytes(one))
        assert entry_bytes(one).isascii()
        assert rfc8785.dumps(entry) == entry_bytes(one)
        assert (n, "local", 1) == (entry["seq"], entry["recorded_by"], entry["v"])


def test_every_commitment_is_kept_by_salt_and_words(lines: list[str]) -> None:
    salts = set()
    for one in map(json.loads, lines):
        assert one["erased"] == {}
        kept = {}
        for section, part in one["payload"].items():
            salt = bytes.fromhex(part["salt"])
            assert len(salt) == 32
            salts.add(salt)
            kept[section] = hmac.digest(salt, rfc8785.dumps(part["value"]), "sha256").hex()
        assert one["entry"]["commit"] == kept
    assert sum(len(json.loads(one)["payload"]) for one in lines) == len(salts)


@pytest.mark.usefixtures("client")  # which puts them on record
def test_the_words_of_a_section_stand_in_canonical_bytes(on_record: Record) -> None:
    with psycopg.connect(on_record.url) as conn:
        values = [bytes(row[0]) for row in conn.execute("SELECT value FROM ledger.payloads")]
    assert values
    for value in values:
        assert rfc8785.dumps(json.loads(value)) == value


def test_no_word_stands_in_an_entry(lines: list[str]) -> None:
    entries = b"\n".join(map(entry_bytes, lines))
    for word in (b"Spokesman", b"DROP TABLE", b"example", b"Daily", b"leave", b"Press", b"ready"):
        assert word not in entries
        assert word.decode() in "\n".join(lines)


@pytest.mark.parametrize("limit", [1, 7, 1_000])
@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_pages_and_the_stream_give_the_same_bytes(
    client: Client, lines: list[str], asked: dict[str, Any], limit: int
) -> None:
    expected = [one for one in lines if passes(json.loads(one)["entry"], asked)]
    assert expected == stream(client.get("/v1/events", params=asked, headers=NDJSON))
    seen: list[str] = []
    answer = client.get("/v1/events", params={**asked, "limit": limit})
    for _ in range(12):
        seen += cut(answer.text)
        link = answer.headers.get("Link", "").partition("<")[2].partition(">")[0]
        assert (answer.json()["next"] is None) == (link == "")
        if not link:
            break
        assert answer.json()["next"] in link
        answer = client.get(link)
    assert expected[: len(seen)] == seen
    assert len(seen) == min(len(expected), 12 * limit)


def passes(entry: dict[str, Any], asked: dict[str, Any]) -> bool:
    touches = entry["touches"]
    return (
        asked.get("actor") in (None, *touches["actors"])
        and asked.get("topic") in (None, *touches["topics"])
        and asked.get("type") in (None, entry["type"])
        and entry["seq"] > asked.get("after", -1)
    )


def test_a_stream_goes_on_from_a_cursor(client: Client, lines: list[str]) -> None:
    cursor = get(client, "/v1/events", limit=9)["next"]
    answer = client.get("/v1/events", params={"cursor": cursor}, headers=NDJSON)
    assert lines[9:] == stream(answer)


def test_an_event_alone_is_the_same_bytes(client: Client, lines: list[str]) -> None:
    for one in lines[:20]:
        answer = client.get(f"/v1/events/{json.loads(one)['entry']['id']}")
        assert (200, one) == (answer.status_code, answer.text)
        assert bodies.media_type(answer) == "application/json"


def test_words_come_back_exactly_as_they_were_sent(lines: list[str]) -> None:
    said = [json.loads(one)["payload"].get("content", {}).get("value", {}) for one in lines]
    texts = {one["content"]["text"] for one in said if "content" in one}
    assert {f"{one} {n}" for n in range(100) for one in STRANGE_STRINGS} <= texts


def test_what_is_not_there_is_not_found(client: Client) -> None:
    expect_problem(client.get(f"/v1/events/{uuid4()}"), 404, "unknown-event")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("type", "statement.unmade"), ("type", "statement"), ("type", "")),
        *(("limit", 0), ("limit", 1_001), ("after", -2), ("after", 2**53), ("after", "x")),
        *(("actor", "Emma"), ("topic", ""), ("cursor", "x"), ("known_size", 1)),
    ],
)
def test_what_cannot_be_asked_is_refused(client: Client, name: str, value: Any) -> None:
    for headers in ({}, NDJSON):
        answer = client.get("/v1/events", params={name: value}, headers=headers)
        assert [name] == error_places(expect_problem(answer, 422, "invalid"))
