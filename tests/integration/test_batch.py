"""Batches: each line is recorded or refused on its own, in order, however the bytes arrive."""

import json
import socket
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx2
import pytest
from httpx2 import Client

from tests.support import postgres
from tests.support.bodies import (
    NDJSON,
    STRANGE_STRINGS,
    Json,
    actor,
    additional_position,
    content,
    correction,
    error_places,
    expect_problem,
    get,
    ledger_size,
    line,
    ndjson,
    position,
    post,
    register_all,
    retraction,
    send,
    statement,
    topic,
)
from tests.support.keys import HEADERS
from tests.support.store import Store, open_store, run_api

BASE = UUID("00000000-0000-4000-8000-000000000000")


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    with run_api(store.url) as api_client:
        register_all(api_client)
        yield api_client


def new_id() -> str:
    return str(uuid4())


def statement_line(**over: Json) -> dict[str, Json]:
    """A line that records a statement."""
    return line("statement", new_id(), statement(**over))


def line_statuses(results: Iterable[dict[str, Json]]) -> list[tuple[int, int]]:
    return [(result["line"], result["status"]) for result in results]


def problem_of(result: dict[str, Json]) -> tuple[int, str, list[str]]:
    problem = result["problem"]
    assert problem["status"] == result["status"]
    assert "seq" not in result
    return result["status"], problem["type"].rpartition("/")[2], error_places(problem)


def test_every_kind_of_line_is_recorded_in_order(client: Client, store: Store) -> None:
    slug, statement_id, position_id, before = (
        f"b{uuid4().hex}",
        new_id(),
        new_id(),
        ledger_size(store.url),
    )
    body = statement(speakers=[{"actor": slug}], topics=[slug], positions=[additional_position()])
    position_body = position(actor=slug, topic=slug, basis=[statement_id])
    lines = [
        line("actor", slug, {"kind": "group"}),
        line("topic", slug, topic(slug)),
        line("statement", statement_id, body),
        line("position", position_id, position_body),
        line("correction", new_id(), correction(statement(coder="two")), target=statement_id),
        line("retraction", new_id(), retraction(), target=statement_id),
        line(
            "correction",
            new_id(),
            correction({**position_body, "stance": "oppose"}),
            target=position_id,
        ),
        line("retraction", new_id(), retraction(), target=position_id),
        line("correction", new_id(), correction(position_body), target=position_id),
    ]
    results = send(client, ndjson(lines))
    assert [(n, 201) for n in range(1, 10)] == line_statuses(results)
    assert [
        slug,
        slug,
        statement_id,
        position_id,
        statement_id,
        statement_id,
        position_id,
        position_id,
        position_id,
    ] == [result["id"] for result in results]
    assert [before + n for n in (0, 1, 2, 4, 5, 6, 7, 8, 9)] == [
        result["seq"] for result in results
    ]
    assert [before + n for n in (1, 2, 4, 5, 6, 7, 8, 9, 10)] == [
        result["size"] for result in results
    ]
    assert {"line", "status", "id", "seq", "size"} == set(results[0])
    store.catch_up()
    assert get(client, f"/v1/statements/{statement_id}")["status"] == "retracted"
    assert get(client, f"/v1/actors/{slug}/topics/{slug}/position")["id"] == position_id
    repeated = send(client, ndjson(lines))
    assert [{**result, "status": 200} for result in results] == repeated


def test_good_lines_are_recorded_whatever_happens_to_others(client: Client, store: Store) -> None:
    first, second, repeated = statement_line(), statement_line(), statement_line()
    other = {**repeated, "body": statement(note="Another.")}
    lines: list[tuple[Any, tuple[int, str, list[str]] | None]] = [
        (first, None),
        ("{", (400, "bad-json", [])),
        ('{"op": "actor", "id": "\\u0000"}', (400, "bad-json", [])),
        ("[" * 10_000, (400, "bad-json", [])),
        ("[]", (422, "invalid", [""])),
        ("null", (422, "invalid", [""])),
        (line("poem", new_id(), {}), (422, "invalid", ["/op"])),
        ({"op": "actor", "id": "x"}, (422, "invalid", ["/body"])),
        ({**statement_line(), "more": 1}, (422, "invalid", ["/more"])),
        ({**statement_line(), "target": new_id()}, (422, "invalid", ["/target"])),
        (line("retraction", new_id(), retraction()), (422, "invalid", ["/target"])),
        (line("statement", "no-uuid", statement()), (422, "invalid", ["/id"])),
        (statement_line(said_at="2022-02-30"), (422, "invalid", ["/body/said_at"])),
        (statement_line(bogus=1), (422, "invalid", ["/body/bogus"])),
        (statement_line(id=new_id()), (422, "invalid", ["/body/id"])),
        (line("actor", "one", actor("two")), (422, "invalid", ["/body/id"])),
        (line("actor", "Q5", actor("q5")), (422, "invalid", ["/body/id"])),
        (line("actor", "emma", actor(kind="group")), (409, "slug-taken", ["/body/id"])),
        (statement_line(topics=["talk"]), (422, "unknown-reference", ["/body/topics/0"])),
        (
            line("retraction", new_id(), retraction(), target=new_id()),
            (422, "unknown-reference", ["/target"]),
        ),
        (repeated, None),
        (other, (422, "id-reused", ["/body/id"])),
        (second, None),
    ]
    before = ledger_size(store.url)
    results = send(client, ndjson(text for text, _ in lines))
    assert list(range(1, len(lines) + 1)) == [result["line"] for result in results]
    assert before + 3 == ledger_size(store.url)
    problems = [problem_of(result) if "problem" in result else None for result in results]
    assert [expected for _, expected in lines] == problems


def test_a_line_may_refer_to_earlier_lines(client: Client) -> None:
    slug, statement_id = f"n{uuid4().hex}", new_id()
    quote = statement(id=statement_id, speakers=[{"actor": slug}])
    lines = [
        line("position", new_id(), position(actor=slug)),
        line("actor", slug, actor(slug)),
        line("statement", statement_id, quote),
        line("statement", new_id(), statement(embedded_in=statement_id)),
        line("position", new_id(), position(actor=slug, basis=[statement_id])),
    ]
    assert [result["status"] for result in send(client, ndjson(lines))] == [422, 201, 201, 201, 201]


def test_blank_lines_are_numbered_but_not_answered(client: Client) -> None:
    body = (
        b"\n \n" + ndjson([statement_line()]) + b"\r\n\t\n" + ndjson([statement_line()]) + b"\n\n"
    )
    assert line_statuses(send(client, body)) == [(3, 201), (6, 201)]


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\n"])
def test_an_empty_batch_has_an_empty_answer(client: Client, body: bytes) -> None:
    assert send(client, body) == []


def test_lines_may_end_in_crlf_and_the_last_line_without_a_newline(client: Client) -> None:
    body = (
        ndjson([statement_line(), statement_line(), statement_line()])
        .replace(b"\n", b"\r\n")
        .rstrip()
    )
    assert line_statuses(send(client, body)) == [(1, 201), (2, 201), (3, 201)]


@pytest.mark.parametrize("step", [1, 7, 1_000])
def test_the_body_may_arrive_in_chunks_of_any_size(client: Client, step: int) -> None:
    text = ndjson([statement_line(note="; ".join(STRANGE_STRINGS)), "{", "", statement_line()])[:-1]
    parts = (text[at : at + step] for at in range(0, len(text), step))
    assert line_statuses(send(client, parts)) == [(1, 201), (2, 400), (4, 201)]


def test_a_line_with_too_many_names_for_an_entry_is_refused_alone(client: Client) -> None:
    slugs = [f"{n:02}-" + "x" * 77 for n in range(64)]
    register_all(client, slugs, [])
    speakers = [{"actor": slug, "on_behalf_of": slugs} for slug in slugs]
    results = send(
        client,
        ndjson(
            [
                statement_line(speakers=speakers),
                statement_line(),
                statement_line(speakers=speakers[:9]),
            ]
        ),
    )
    assert line_statuses(results) == [(1, 422), (2, 201), (3, 201)]
    assert problem_of(results[0])[1] == "entry-too-large"


@pytest.mark.parametrize("step", [50_000, 2**20, 2**23])
def test_a_line_over_a_mebibyte_is_refused_alone(client: Client, store: Store, step: int) -> None:
    fits, over = (json.dumps(statement_line()).encode().ljust(2**20 + more) for more in (0, 1))
    whole = b"\n".join([over, fits, over * 3, b"", over + b" " * 2**20, fits, b"x" * 2**21])
    before = ledger_size(store.url)
    results = send(client, (whole[at : at + step] for at in range(0, len(whole), step)))
    assert line_statuses(results) == [(1, 413), (2, 201), (3, 413), (5, 413), (6, 200), (7, 413)]
    assert problem_of(results[0]) == (413, "too-large", [])
    assert before + 1 == ledger_size(store.url)


def test_three_thousand_lines_are_recorded_in_one_request(client: Client, store: Store) -> None:
    ids = [str(uuid5(BASE, str(n))) for n in range(3_000)]
    before = ledger_size(store.url)
    results = send(client, ndjson(line("statement", id_, statement()) for id_ in ids))
    assert [(n, 201) for n in range(1, 3_001)] == line_statuses(results)
    assert ids == [result["id"] for result in results]
    assert [before + n for n in range(3_000)] == [result["seq"] for result in results]
    assert before + 3_000 == ledger_size(store.url)


def test_a_batch_and_a_single_write_are_the_same_write(client: Client) -> None:
    batch_line = statement_line(content=content(text=STRANGE_STRINGS[0]))
    answer = post(client, "/v1/statements", {**batch_line["body"], "id": batch_line["id"]})
    (result,) = send(client, ndjson([batch_line]))
    assert {"line": 1, "status": 200} | {
        name: answer[name] for name in ("id", "seq", "size")
    } == result


def test_an_id_in_another_spelling_is_the_same_id(client: Client) -> None:
    lower_case = statement_line()
    upper_case = {**lower_case, "body": {**lower_case["body"], "id": lower_case["id"].upper()}}
    assert line_statuses(send(client, ndjson([lower_case, upper_case]))) == [(1, 201), (2, 200)]


def test_a_client_that_reads_only_at_the_end_is_answered(client: Client, store: Store) -> None:
    """Answers back up while the body is still being sent; most HTTP clients send it all first."""
    body, before = (b"{" + b" " * 300 + b"\n") * 40_000, ledger_size(store.url)
    small_buffer = httpx2.HTTPTransport(
        socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)]
    )
    late_reader = Client(
        base_url=client.base_url, transport=small_buffer, timeout=120, headers=HEADERS
    )
    with late_reader:
        results = send(late_reader, body)
    assert [(n, 400) for n in range(1, 40_001)] == line_statuses(results)
    assert before == ledger_size(store.url)


def test_a_batch_that_is_no_ndjson_is_refused_as_a_whole(client: Client) -> None:
    for type_ in ("application/json", "text/plain"):
        answer = client.post("/v1/batch", content=b"{}", headers={"Content-Type": type_})
        expect_problem(answer, 415, "unsupported-media-type")
    expect_problem(client.get("/v1/batch"), 405, "method-not-allowed")
    for type_ in (
        NDJSON["Content-Type"],
        "application/jsonl",
        "Application/X-NDJSON; charset=utf-8",
    ):
        assert client.post("/v1/batch", headers={"Content-Type": type_}).status_code == 200
