"""Is each line of a batch recorded or refused on its own, in order, however the bytes arrive?"""

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
from tests.support.record import Record, record, serving

BASE = UUID("00000000-0000-4000-8000-000000000000")


@pytest.fixture(scope="module")
def on_record(server_url: str, template: str) -> Iterator[Record]:
    with postgres.database(server_url, template) as url, record(url) as made:
        yield made


@pytest.fixture(scope="module")
def client(on_record: Record) -> Iterator[Client]:
    with serving(on_record.url) as made:
        register_all(made)
        yield made


def new() -> str:
    return str(uuid4())


def said(**over: Json) -> dict[str, Json]:
    """A line that records a statement."""
    return line("statement", new(), statement(**over))


def outcome(results: Iterable[dict[str, Json]]) -> list[tuple[int, int]]:
    return [(one["line"], one["status"]) for one in results]


def problem_of(result: dict[str, Json]) -> tuple[int, str, list[str]]:
    problem = result["problem"]
    assert problem["status"] == result["status"]
    assert "seq" not in result
    return result["status"], problem["type"].rpartition(":")[2], error_places(problem)


def test_every_kind_of_line_is_recorded_in_order(client: Client, on_record: Record) -> None:
    slug, made, held, before = f"b{uuid4().hex}", new(), new(), ledger_size(on_record.url)
    body = statement(speakers=[{"actor": slug}], topics=[slug], positions=[additional_position()])
    place = position(actor=slug, topic=slug, basis=[made])
    lines = [
        line("actor", slug, {"kind": "group"}),
        line("topic", slug, topic(slug)),
        line("statement", made, body),
        line("position", held, place),
        line("correction", new(), correction(statement(coder="two")), target=made),
        line("retraction", new(), retraction(), target=made),
        line("correction", new(), correction({**place, "stance": "oppose"}), target=held),
        line("retraction", new(), retraction(), target=held),
        line("correction", new(), correction(place), target=held),
    ]
    results = send(client, ndjson(lines))
    assert [(n, 201) for n in range(1, 10)] == outcome(results)
    assert [slug, slug, made, held, made, made, held, held, held] == [one["id"] for one in results]
    assert [before + n for n in (0, 1, 2, 4, 5, 6, 7, 8, 9)] == [one["seq"] for one in results]
    assert [before + n for n in (1, 2, 4, 5, 6, 7, 8, 9, 10)] == [one["size"] for one in results]
    assert {"line", "status", "id", "seq", "size"} == set(results[0])
    on_record.catch_up()
    assert get(client, f"/v1/statements/{made}")["status"] == "retracted"
    assert get(client, f"/v1/actors/{slug}/topics/{slug}/position")["id"] == held
    again = send(client, ndjson(lines))
    assert [{**one, "status": 200} for one in results] == again


def test_good_lines_are_kept_whatever_happens_to_others(client: Client, on_record: Record) -> None:
    first, second, taken = said(), said(), said()
    other = {**taken, "body": statement(note="Another.")}
    lines: list[tuple[Any, tuple[int, str, list[str]] | None]] = [
        (first, None),
        ("{", (400, "bad-json", [])),
        ('{"op": "actor", "id": "\\u0000"}', (400, "bad-json", [])),
        ("[" * 10_000, (400, "bad-json", [])),
        ("[]", (422, "invalid", [""])),
        ("null", (422, "invalid", [""])),
        (line("poem", new(), {}), (422, "invalid", ["/op"])),
        ({"op": "actor", "id": "x"}, (422, "invalid", ["/body"])),
        ({**said(), "more": 1}, (422, "invalid", ["/more"])),
        ({**said(), "target": new()}, (422, "invalid", ["/target"])),
        (line("retraction", new(), retraction()), (422, "invalid", ["/target"])),
        (line("statement", "no-uuid", statement()), (422, "invalid", ["/id"])),
        (said(said_at="2022-02-30"), (422, "invalid", ["/body/said_at"])),
        (said(bogus=1), (422, "invalid", ["/body/bogus"])),
        (said(id=new()), (422, "invalid", ["/body/id"])),
        (line("actor", "one", actor("two")), (422, "invalid", ["/body/id"])),
        (line("actor", "emma", actor(kind="group")), (409, "slug-taken", ["/body/id"])),
        (said(topics=["talk"]), (422, "unknown-reference", ["/body/topics/0"])),
        (
            line("retraction", new(), retraction(), target=new()),
            (422, "unknown-reference", ["/target"]),
        ),
        (taken, None),
        (other, (422, "id-reused", ["/body/id"])),
        (second, None),
    ]
    before = ledger_size(on_record.url)
    results = send(client, ndjson(one for one, _ in lines))
    assert list(range(1, len(lines) + 1)) == [one["line"] for one in results]
    assert before + 3 == ledger_size(on_record.url)
    seen = [problem_of(one) if "problem" in one else None for one in results]
    assert [expected for _, expected in lines] == seen


def test_a_line_may_name_what_the_line_before_made(client: Client) -> None:
    slug, made = f"n{uuid4().hex}", new()
    quote = statement(id=made, speakers=[{"actor": slug}])
    lines = [
        line("position", new(), position(actor=slug)),
        line("actor", slug, actor(slug)),
        line("statement", made, quote),
        line("statement", new(), statement(embedded_in=made)),
        line("position", new(), position(actor=slug, basis=[made])),
    ]
    assert [one["status"] for one in send(client, ndjson(lines))] == [422, 201, 201, 201, 201]


def test_blank_lines_count_and_are_not_answered(client: Client) -> None:
    body = b"\n \n" + ndjson([said()]) + b"\r\n\t\n" + ndjson([said()]) + b"\n\n"
    assert outcome(send(client, body)) == [(3, 201), (6, 201)]


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\n"])
def test_nothing_at_all_is_answered_with_nothing(client: Client, body: bytes) -> None:
    assert send(client, body) == []


def test_lines_may_end_in_crlf_and_the_last_one_in_nothing(client: Client) -> None:
    body = ndjson([said(), said(), said()]).replace(b"\n", b"\r\n").rstrip()
    assert outcome(send(client, body)) == [(1, 201), (2, 201), (3, 201)]


@pytest.mark.parametrize("step", [1, 7, 1_000])
def test_bytes_may_arrive_in_pieces_of_any_size(client: Client, step: int) -> None:
    text = ndjson([said(note="; ".join(STRANGE_STRINGS)), "{", "", said()])[:-1]
    parts = (text[at : at + step] for at in range(0, len(text), step))
    assert outcome(send(client, parts)) == [(1, 201), (2, 400), (4, 201)]


def test_a_line_that_names_more_than_an_entry_holds_is_refused_alone(client: Client) -> None:
    crowd = [f"{n:02}-" + "x" * 77 for n in range(64)]
    register_all(client, crowd, [])
    speakers = [{"actor": one, "on_behalf_of": crowd} for one in crowd]
    results = send(client, ndjson([said(speakers=speakers), said(), said(speakers=speakers[:9])]))
    assert outcome(results) == [(1, 422), (2, 201), (3, 201)]
    assert problem_of(results[0])[1] == "entry-too-large"


@pytest.mark.parametrize("step", [50_000, 2**20, 2**23])
def test_a_line_over_a_mebibyte_is_refused_alone(
    client: Client, on_record: Record, step: int
) -> None:
    fits, over = (json.dumps(said()).encode().ljust(2**20 + more) for more in (0, 1))
    whole = b"\n".join([over, fits, over * 3, b"", over + b" " * 2**20, fits, b"x" * 2**21])
    before = ledger_size(on_record.url)
    results = send(client, (whole[at : at + step] for at in range(0, len(whole), step)))
    assert outcome(results) == [(1, 413), (2, 201), (3, 413), (5, 413), (6, 200), (7, 413)]
    assert problem_of(results[0]) == (413, "too-large", [])
    assert before + 1 == ledger_size(on_record.url)


def test_three_thousand_lines_are_recorded_in_one_request(
    client: Client, on_record: Record
) -> None:
    names = [str(uuid5(BASE, str(n))) for n in range(3_000)]
    before = ledger_size(on_record.url)
    results = send(client, ndjson(line("statement", one, statement()) for one in names))
    assert [(n, 201) for n in range(1, 3_001)] == outcome(results)
    assert names == [one["id"] for one in results]
    assert [before + n for n in range(3_000)] == [one["seq"] for one in results]
    assert before + 3_000 == ledger_size(on_record.url)


def test_a_batch_and_a_single_write_are_the_same_write(client: Client) -> None:
    one = said(content=content(text=STRANGE_STRINGS[0]))
    made = post(client, "/v1/statements", {**one["body"], "id": one["id"]})
    (result,) = send(client, ndjson([one]))
    assert {"line": 1, "status": 200} | {
        name: made[name] for name in ("id", "seq", "size")
    } == result


def test_an_id_in_another_spelling_is_the_same_id(client: Client) -> None:
    one = said()
    shouted = {**one, "body": {**one["body"], "id": one["id"].upper()}}
    assert outcome(send(client, ndjson([one, shouted]))) == [(1, 201), (2, 200)]


def test_a_writer_who_reads_only_at_the_end_is_answered(client: Client, on_record: Record) -> None:
    """Answers back up while the body is still being sent; most HTTP clients send it all first."""
    body, before = (b"{" + b" " * 300 + b"\n") * 40_000, ledger_size(on_record.url)
    modest = httpx2.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)])
    with Client(base_url=client.base_url, transport=modest, timeout=10) as patient:
        results = send(patient, body)
    assert [(n, 400) for n in range(1, 40_001)] == outcome(results)
    assert before == ledger_size(on_record.url)


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
