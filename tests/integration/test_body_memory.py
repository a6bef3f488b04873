"""Tests of the bound on all bodies in memory: beyond it large ones are refused, not small ones.

Clients are raw sockets that send a part of a body and hold it.
"""

import json
from collections.abc import Iterator
from typing import Final
from uuid import uuid4

import pytest
from fastapi import APIRouter, Request
from httpx2 import Client

from onrecord.kit.http import body_memory
from onrecord.kit.http.body_memory import UNCOUNTED
from onrecord.kit.http.server.limits import Limits
from tests.support import postgres
from tests.support.bodies import NDJSON, actor, expect_problem, line, ndjson, post
from tests.support.processes import until
from tests.support.raw_http import AUTHORIZED, connected, exchange, problem_in
from tests.support.store import Store, open_store, run_api

LIMIT: Final = 200_000
PART: Final = b" " * (UNCOUNTED + LIMIT - 1_000)
"""Of a body that leaves room for 1,000 bytes."""
LARGE: Final = b" " * 100_000
JSON: Final = {"Content-Type": "application/json"}
ACTORS: Final = b"POST /v1/actors HTTP/1.1\r\n" + AUTHORIZED + b"Content-Type: application/json\r\n"
BATCH: Final = (
    b"POST /v1/batch HTTP/1.1\r\n" + AUTHORIZED + b"Content-Type: application/x-ndjson\r\n"
)
LENGTH: Final = b"Content-Length: 1000000\r\n\r\n"

router = APIRouter()


@router.get("/counted")
async def counted(request: Request) -> int:
    """Bytes of bodies that the process holds, without those that are free."""
    held: int = request.state.body_memory.counted
    return held


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def shared_client(store: Store) -> Iterator[Client]:
    patch = pytest.MonkeyPatch()
    patch.setattr(body_memory, "MAX_COUNTED", LIMIT)
    with patch.context(), run_api(store.url, router, limits=Limits(stall_seconds=5)) as client:
        yield client
    patch.undo()


@pytest.fixture
def client(shared_client: Client) -> Iterator[Client]:
    """A client of all APIs. Checks that all bodies have given back what they held."""
    yield shared_client
    until_counted(shared_client, 0)


def until_counted(client: Client, size: int) -> None:
    until(lambda: client.get("/counted").json() == size, f"bodies hold {size} bytes")


@pytest.mark.parametrize("head", [ACTORS, BATCH], ids=["body", "line"])
def test_large_bodies_beyond_the_bound_are_refused_until_a_client_goes_away(
    client: Client, head: bytes
) -> None:
    with connected(client) as holder:
        holder.sendall(head + LENGTH + PART)
        until_counted(client, LIMIT - 1_000)
        answer = client.post("/v1/topics", content=LARGE, headers=JSON)
        expect_problem(answer, 503, "busy")
        assert answer.headers["Retry-After"] == "1"
        post(client, "/v1/actors", actor(f"a{uuid4().hex}"))
        answer = client.post("/v1/topics", content=b" " * (UNCOUNTED + 1_000), headers=JSON)
        expect_problem(answer, 400, "bad-json")
    until_counted(client, 0)
    expect_problem(client.post("/v1/topics", content=LARGE, headers=JSON), 400, "bad-json")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"Content-Length: 100000\r\n\r\n" + LARGE, (400, "bad-json")),
        (LENGTH + LARGE, (408, "too-slow-request")),
        (
            b"Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + LARGE + b"\r\nx\r\n",
            (400, "bad-request"),
        ),
        (b"Transfer-Encoding: chunked\r\n\r\n200000\r\n" + PART, (408, "too-slow-request")),
    ],
    ids=["refused", "too slow", "no chunk", "too slow chunk"],
)
def test_a_body_that_is_refused_gives_its_memory_back(
    client: Client, sent: bytes, expected: tuple[int, str]
) -> None:
    assert problem_in(exchange(client, ACTORS + b"Connection: close\r\n" + sent)) == expected


def test_a_batch_without_room_records_its_small_lines_and_refuses_a_large_one(
    client: Client, store: Store
) -> None:
    slugs = [f"a{uuid4().hex}" for _ in range(9)]
    lines = [ndjson([line("actor", slug, actor(slug))]).rstrip() for slug in slugs]
    padded = [text.ljust(10_000) for text in lines]
    padded[4] = lines[4].ljust(300_000)
    with connected(client) as holder:
        holder.sendall(ACTORS + LENGTH + PART)
        until_counted(client, LIMIT - 1_000)
        answer = client.post("/v1/batch", content=b"\n".join(padded), headers=NDJSON)
        until_counted(client, LIMIT - 1_000)
        dry = client.post(
            "/v1/batch", content=b"\n".join(padded), headers=NDJSON, params={"dry_run": "1"}
        )
    results = [json.loads(text) for text in answer.text.splitlines()]
    assert [(result["line"], result["status"]) for result in results] == [
        (n, 503 if n == 5 else 201) for n in range(1, 10)
    ]
    assert results[4]["problem"]["type"].endswith("/busy")
    forecast = [json.loads(text)["status"] for text in dry.text.splitlines()]
    assert (200, 503) == (forecast[0], forecast[-1])
