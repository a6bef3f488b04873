"""The async client. `sync_client` is the same, without `await`."""

import asyncio
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

import httpx2

from onrecord.audit.schemas import EventOut, EventSearch
from onrecord.client.call import AnswerT, Call, ItemT_co, PageOf, problem_error
from onrecord.client.event_stream import EventStream
from onrecord.client.retries import Attempts


class AsyncClient:
    """A client of the API at an address, with this key; close it, or use it in an `async with`.

    `timeout` is in seconds, of connecting and of each part of a response. `retries`: how many
    attempts may follow the first one that fails for a reason that passes.
    """

    def __init__(
        self, address: str, key: str | None = None, *, timeout: float = 30, retries: int = 5
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else None
        self.http = httpx2.AsyncClient(base_url=address, headers=headers, timeout=timeout)
        self.address = str(self.http.base_url)
        self._retries = retries

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self.http.aclose()

    async def send(self, call: Call[AnswerT]) -> AnswerT:
        """The answer to a call. Raises `ProblemError` or `ApiUnavailable`."""
        return await self._send(call, None)

    async def items(self, call: Call[PageOf[ItemT_co]]) -> AsyncGenerator[ItemT_co, None]:
        """The items of this page of a list and of all that follow, at whatever size each has.

        Give `known_size` for pages of one size.
        """
        cursor: str | None = None
        while True:
            page = await self._send(call, cursor)
            for item in page.items:
                yield item
            cursor = page.next
            if cursor is None:
                return

    async def replay(self, search: EventSearch | None = None) -> AsyncGenerator[EventOut, None]:
        """All events that match, in order, from `search.after` on.

        When the connection is lost, it goes on after the last event. To go on another day, give its
        `entry.seq` as `after`.
        """
        stream = EventStream(search)
        attempts = Attempts(None, self._retries)
        while True:
            try:
                async with self.http.stream(**stream.request_options()) as response:
                    delay = attempts.delay_after(response)
                    if delay is None and not response.is_success:
                        await response.aread()
                        raise problem_error(response)
                    if delay is None:
                        async for chunk in response.aiter_bytes():
                            for event in stream.events(chunk):
                                yield event
                                attempts.succeeded()
                        return
            except httpx2.TransportError as error:
                delay = attempts.delay_after_error(error)
            await asyncio.sleep(delay)

    async def _send(self, call: Call[AnswerT], cursor: str | None) -> AnswerT:
        attempts = Attempts(call, self._retries)
        while True:
            try:
                response = await self.http.request(**call.request_options(cursor))
            except httpx2.TransportError as error:
                delay: float | None = attempts.delay_after_error(error)
            else:
                delay = attempts.delay_after(response)
            if delay is None:
                return call.parse(response)
            await asyncio.sleep(delay)
