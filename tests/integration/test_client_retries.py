"""Tests of retries and resumed replays of the typed client, on connections that are cut."""

import asyncio
import random
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest

from onrecord.audit.schemas import EventOut
from onrecord.client import (
    ApiUnavailable,
    AsyncClient,
    Client,
    ProblemError,
    endpoints,
    keys,
    reads,
    writes,
)
from onrecord.client.call import Call
from onrecord.client.parameters import EventSearch
from onrecord.client.retries import Attempts
from onrecord.ingest.schemas import StatementIn
from onrecord.webhooks.api.requests import EndpointIn
from tests.support import bodies, raw_receivers
from tests.support.bodies import ledger_size
from tests.support.cutting import BEFORE_RESPONSE, cutting
from tests.support.keys import TOKEN
from tests.support.raw_receivers import EMPTY, OK, read_request
from tests.support.store import Store
from tests.support.webhooks import record_positions

BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\n" + EMPTY
TOO_MANY: Final = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\n" + EMPTY
BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\n" + EMPTY
NO_CONTENT: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
PAGE: Final = OK + b"Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
ENDPOINT: Final = EndpointIn(url="https://hooks.example/")
READ: Final = reads.list_events()
ONCE: Final = endpoints.create_endpoint(ENDPOINT)


@asynccontextmanager
async def cut_api(
    client: httpx2.Client, limits: Iterable[int], *, retries: int = 5
) -> AsyncIterator[tuple[AsyncClient, list[int]]]:
    """A typed client whose first responses are cut after so many bytes, and those that were."""
    cut: list[int] = []
    port = urlsplit(str(client.base_url)).port
    assert port
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(
            raw_receivers.run_raw_receiver(cutting(port, limits, cut))
        )
        api = AsyncClient(f"http://127.0.0.1:{proxy}", TOKEN, retries=retries)
        yield await stack.enter_async_context(api), cut


def test_a_write_whose_answer_is_lost_is_sent_again_and_recorded_once(
    client: httpx2.Client, store: Store
) -> None:
    bodies.register_all(client)
    before = ledger_size(store.url)

    async def record() -> int:
        async with cut_api(client, [BEFORE_RESPONSE, 5]) as (api, cut):
            made = await api.send(writes.record_statement(StatementIn(**bodies.statement())))
            assert [BEFORE_RESPONSE, 5] == cut
            return made.size

    assert before + 1 == asyncio.run(record()) == ledger_size(store.url)


def test_a_call_that_is_not_repeatable_is_not_sent_again(client: httpx2.Client) -> None:
    async def create() -> None:
        async with cut_api(client, [BEFORE_RESPONSE]) as (api, _):
            with pytest.raises(ApiUnavailable):
                await api.send(ONCE)
            listed = [item.url async for item in api.items(endpoints.list_endpoints())]
            assert [ENDPOINT.url] == listed

    asyncio.run(create())


@pytest.mark.parametrize(
    ("call", "answers", "requests", "error"),
    [
        (READ, [BUSY, TOO_MANY, PAGE], 3, ApiUnavailable),
        (READ, [BUSY] * 9, 3, ApiUnavailable),
        (READ, [BAD_REQUEST], 1, ApiUnavailable),
        (ONCE, [BUSY], 1, ApiUnavailable),
        (ONCE, [TOO_MANY, BUSY], 2, ApiUnavailable),
        (keys.revoke_key(uuid4()), [BUSY, NO_CONTENT], 2, None),
    ],
)
def test_a_busy_server_is_asked_again(
    call: Call[object], answers: list[bytes], requests: int, error: type[Exception] | None
) -> None:
    """The calls are sent `requests` times, and then raise this error, or return."""
    received = 0

    async def handle(reader: Reader, writer: Writer) -> None:
        nonlocal received
        while True:
            await read_request(reader)
            received += 1
            writer.write(answers[received - 1])
            await writer.drain()

    async def send() -> object:
        async with (
            raw_receivers.run_raw_receiver(handle) as port,
            AsyncClient(f"http://127.0.0.1:{port}", retries=2) as api,
        ):
            return await api.send(call)

    if error:
        with pytest.raises(error):
            asyncio.run(send())
    else:
        assert asyncio.run(send()) is None
    assert requests == received


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_comes_no_sooner_than_retry_after_says(status: int) -> None:
    response = httpx2.Response(status, headers={"Retry-After": "7"})
    delay = Attempts(READ, 1).delay_after(response)
    assert delay is not None
    assert 7 <= delay <= 8
    date = httpx2.Response(503, headers={"Retry-After": "Mon, 30 Nov 2026 17:00:00 GMT"})
    assert Attempts(READ, 1).delay_after(date) is not None


def test_a_server_that_is_away_is_unavailable() -> None:
    with Client("http://127.0.0.1:1", retries=1) as api:
        with pytest.raises(ApiUnavailable):
            api.send(READ)
        with pytest.raises(ApiUnavailable):
            next(api.replay())


def test_a_replay_that_is_cut_goes_on_after_the_last_event(client: httpx2.Client) -> None:
    bodies.register_all(client)
    record_positions(client, 60, summary="Talks \u2028 soon.")
    whole = client.get("/v1/events", headers={"Accept": "application/x-ndjson"}).content
    seqs = list(range(whole.count(b"\n")))
    places = [random.randrange(2 * len(whole) // 12) for _ in range(12)]

    async def replay() -> list[EventOut]:
        async with cut_api(client, places, retries=12) as (api, cut):
            events = [event async for event in api.replay()]
            assert places[: len(cut)] == cut
            assert len(cut) > 3
            return events

    events = asyncio.run(replay())
    assert seqs == [event.entry.seq for event in events]
    assert {"Talks \u2028 soon."} == {
        event.payload["summary"].value["summary"] for event in events[-60:]
    }


def test_a_replay_gives_up_when_no_event_comes_any_more(client: httpx2.Client) -> None:
    bodies.register_all(client)

    async def replay() -> None:
        async with cut_api(client, [BEFORE_RESPONSE] * 9, retries=2) as (api, cut):
            with pytest.raises(ApiUnavailable):
                await anext(api.replay())
            assert 3 == len(cut)

    asyncio.run(replay())


def test_a_replay_that_is_refused_raises_the_problem(client: httpx2.Client) -> None:
    with Client(str(client.base_url), TOKEN) as api, pytest.raises(ProblemError, match=r"^422 "):
        next(api.replay(EventSearch(actor=["nobody"])))


def test_an_abandoned_replay_closes_its_connection() -> None:
    """However it is abandoned: `aclosing`, `break`, or a sync iterator that is dropped."""
    event = b'{"entry":{"v":1,"type":"actor.registered","version":1,"id":"%s","seq":0,'
    event += b'"recorded_at":"2022-01-01T00:00:00Z","recorded_by":"x","touches":{"actors":[],'
    event += b'"topics":[]},"data":{},"commit":{}},"payload":{},"erased":{}}\n'
    line = event % str(uuid4()).encode()

    async def in_aclosing(api: AsyncClient, _: Client) -> None:
        async with aclosing(api.replay()) as events:
            await anext(events)

    async def by_break(api: AsyncClient, _: Client) -> None:
        async for _event in api.replay():
            break

    async def dropped(_: AsyncClient, api: Client) -> None:
        await asyncio.to_thread(lambda: next(api.replay()))

    async def run(abandon: Callable[[AsyncClient, Client], Awaitable[None]]) -> None:
        closed: asyncio.Queue[bytes] = asyncio.Queue()

        async def handle(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            writer.write(OK + b"Content-Type: application/x-ndjson\r\n\r\n" + line * 2)
            await writer.drain()
            closed.put_nowait(await reader.read())

        async with raw_receivers.run_raw_receiver(handle) as port:
            address = f"http://127.0.0.1:{port}"
            async with AsyncClient(address) as api:
                with Client(address) as sync_api:
                    await abandon(api, sync_api)
                    assert b"" == await asyncio.wait_for(closed.get(), 60)

    for abandon in (in_aclosing, by_break, dropped):
        asyncio.run(run(abandon))
