"""Builders of request bodies, and helpers to send them and to check what comes back.

Each builder gives a small valid body, changed by the arguments. `register_all` registers the actors
and topics that the bodies name; `ledger_size` counts entries with SQL, without using any code.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any
from uuid import UUID

import httpx2
import psycopg

Json = Any

NDJSON = {"Content-Type": "application/x-ndjson"}
ACTORS = ("emma", "ministry", "spokesman")
TOPICS = ("talks", "tariffs")


def actor(id: str = "emma", **over: Json) -> dict[str, Json]:
    """A registration of an actor."""
    return {
        "id": id,
        "kind": "person",
        "names": [{"name": id.title(), "lang": "en"}],
        **over,
    }


def topic(id: str = "talks", **over: Json) -> dict[str, Json]:
    """A registration of a topic."""
    return {"id": id, "label": id.title(), "proposition": f"Hold {id} soon", **over}


def evidence(**over: Json) -> dict[str, Json]:
    """One piece of evidence."""
    return {"url": "https://news.example/1", **over}


def content(**over: Json) -> dict[str, Json]:
    """The words of a statement."""
    return {"text": "We are ready to talk.", "lang": "en", "mode": "verbatim", **over}


def statement(**over: Json) -> dict[str, Json]:
    """A statement by emma about talks."""
    return {
        "speakers": [{"actor": "emma"}],
        "topics": ["talks"],
        "said_at": "2022-11-30",
        "said_at_basis": "stated",
        "content": content(),
        "evidence": [evidence()],
        "coder": "test",
        **over,
    }


def position(**over: Json) -> dict[str, Json]:
    """A position of emma on talks."""
    return {
        "actor": "emma",
        "topic": "talks",
        "stance": "support",
        "summary": "For talks.",
        "effective": "2022-11-30",
        "coder": "test",
        **over,
    }


def additional_position(**over: Json) -> dict[str, Json]:
    """A position in the body of a statement: without a coder of its own."""
    body = position(**over)
    if "coder" not in over:
        del body["coder"]
    return body


def correction(replacement: Mapping[str, Json], **over: Json) -> dict[str, Json]:
    """A correction to this state."""
    return {"reason": "A slip of ours.", "by": "us", "replacement": replacement, **over}


def retraction(**over: Json) -> dict[str, Json]:
    """A retraction."""
    return {"reason": "Never said.", "by": "outlet", **over}


def line(op: str, id: str | UUID, body: Mapping[str, Json], **more: Json) -> dict[str, Json]:
    """A line of a batch."""
    return {"op": op, "id": str(id), "body": body, **more}


def ndjson(lines: Iterable[Mapping[str, Json] | str]) -> bytes:
    """Lines as the body of a batch; a string is a line as it stands."""
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    return "".join(text + "\n" for text in texts).encode()


def send(client: httpx2.Client, body: bytes | Iterable[bytes]) -> list[dict[str, Json]]:
    """Post a batch; the lines of its answer."""
    answer = client.post("/v1/batch", content=body, headers=NDJSON)
    assert (answer.status_code, media_type(answer)) == (200, "application/x-ndjson"), answer.text
    return [json.loads(result) for result in answer.text.splitlines()]


def post(client: httpx2.Client, path: str, body: Json, **headers: str) -> dict[str, Json]:
    """Post a body that must be recorded, and not on record before; the answer."""
    answer = client.post(path, json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    result: dict[str, Json] = answer.json()
    return result


def get(client: httpx2.Client, path: str, **params: Json) -> dict[str, Json]:
    """Get a resource that must exist; the answer."""
    answer = client.get(path, params=params or None)
    assert answer.status_code == 200, answer.text
    result: dict[str, Json] = answer.json()
    return result


def registrations(
    actors: Iterable[str] = ACTORS, topics: Iterable[str] = TOPICS
) -> list[dict[str, Json]]:
    """Lines that register actors and topics."""
    return [
        *(line("actor", slug, actor(slug)) for slug in actors),
        *(line("topic", slug, topic(slug)) for slug in topics),
    ]


def register_all(
    client: httpx2.Client, actors: Iterable[str] = ACTORS, topics: Iterable[str] = TOPICS
) -> None:
    """Register actors and topics."""
    results = send(client, ndjson(registrations(actors, topics)))
    assert {201} == {result["status"] for result in results}, results


def ledger_size(url: str) -> int:
    """Entries in the ledger, counted."""
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT count(*) FROM ledger.entries").fetchone()
    assert row is not None
    size: int = row[0]
    return size


def media_type(answer: httpx2.Response) -> str:
    """The media type of an answer, without parameters."""
    return str(answer.headers["content-type"]).partition(";")[0]


def expect_problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Json]:
    """The problem of an answer that must have this status and code."""
    assert (status, "application/problem+json") == (answer.status_code, media_type(answer)), (
        answer.text[:2_000]
    )
    problem: dict[str, Json] = answer.json()
    assert (f"/problems/{code}", status) == (problem["type"], problem["status"])
    assert problem["title"]
    assert problem["detail"]
    return problem


def error_places(problem: Mapping[str, Json]) -> list[str]:
    """The pointers and parameters in the errors of a problem."""
    return [error.get("pointer", error.get("parameter")) for error in problem.get("errors", [])]


def string_paths(value: Json, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all strings in a body; for the keys of `identifiers`, of their values."""
    if isinstance(value, str):
        yield at
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from string_paths(item, (*at, key))


def value_at(value: Json, at: Iterable[str | int]) -> Json:
    """The value at a path in a body."""
    for step in at:
        value = value[step]
    return value


def with_value_at(value: Json, at: tuple[str | int, ...], by: Json) -> Json:
    """A copy of a body with another value at a path."""
    copy = deepcopy(value)
    value_at(copy, at[:-1])[at[-1]] = by
    return copy


FULL_STATEMENT = statement(
    speakers=[{"actor": "spokesman", "role": "Spokesman", "on_behalf_of": ["ministry"]}],
    addressees=["emma"],
    venue="Press room",
    content=content(original={"text": "Wir sind bereit.", "lang": "de"}),
    evidence=[
        evidence(
            archive_url="https://archive.example/1",
            reference="Print edition, p. 4",
            sha256="0" * 64,
            outlet="The Daily",
            title="Ready to talk",
            published_at="2022-11-30T12:00:00Z",
            selector={"exact": "ready", "prefix": "We are ", "suffix": " to talk."},
            chain=[{"by": "An agency", "relation": "quoted"}],
        )
    ],
    stances=[{"topic": "talks", "stance": "conditional_support"}],
    note="A note.",
)
"""A statement with all optional fields but the ids of other statements."""

FULL_POSITION = position(
    stance="conditional_support", condition="If they leave.", rationale="They said so.", order=1
)
FULL_ACTOR = actor("new", identifiers={"wikidata": "Q1"})
FULL_TOPIC = topic("new", broader="talks")

STATEMENT, POSITION = str(UUID(int=1)), str(UUID(int=2))
FULL_BODIES: dict[str, Json] = {
    "/v1/actors": FULL_ACTOR,
    "/v1/topics": FULL_TOPIC,
    "/v1/actors/emma/revision": {**FULL_ACTOR, "id": str(UUID(int=3))},
    "/v1/topics/talks/revision": {**FULL_TOPIC, "id": str(UUID(int=4)), "broader": "tariffs"},
    "/v1/statements": FULL_STATEMENT,
    "/v1/positions": FULL_POSITION,
    f"/v1/statements/{STATEMENT}/corrections": correction(FULL_STATEMENT),
    f"/v1/positions/{POSITION}/corrections": correction(FULL_POSITION),
    f"/v1/statements/{STATEMENT}/retraction": retraction(),
    f"/v1/statements/{STATEMENT}/erasure": {"sections": ["content", "note"], "ground": "gdpr-17"},
}
"""A full body for each path that takes one. A test must record the two ids first."""

STRANGE_STRINGS = [
    "'; DROP TABLE ledger.entries; --",
    "".join(map(chr, [*range(1, 32), 33, *range(0x7F, 0xA0)])),
    "\u202eשלום\u200f مرحبا\u202c",
    "e\u0301\u0323 \u00e9 \u212b \ufb01 Å",
    "😀𝔘\U00020000\U0010ffff\ufeff\uffff\u2028",
    "%s %(a)s :id $1 {0} \\ \\u0000 \" ' ` <b> & \r\n\t.",
]
"""Valid strings that look harmful: SQL, control characters, any script, placeholders."""

LIST_PATHS = [
    *("/v1/actors", "/v1/topics", "/v1/statements", "/v1/changes", "/v1/events"),
    *("/v1/actors/emma/topics/talks/timeline", "/v1/actors/emma/topics/talks/history"),
    *("/v1/actors/emma/positions", "/v1/topics/talks/positions"),
]
"""The paths of all lists of the read API and the audit API."""
