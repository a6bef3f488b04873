"""Streams of events: NDJSON to the end of the ledger, and server-sent events without end.

Used by `routes`. A page is read when the client has taken the one before: memory is constant, and
no connection and no snapshot is held while a client is slow or no event comes.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import orjson
import psycopg
import structlog
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from onrecord.audit.filters import Filters
from onrecord.audit.tail import POLL_INTERVAL, Tail, Watch
from onrecord.kit.sql.db import Pool

log = structlog.get_logger()

PAGE: Final = 500
"""Entries read at a time."""
KEEPALIVE_INTERVAL: Final = 15.0
"""Seconds without an event after which a live stream sends a comment."""


async def ndjson_blocks(pool: Pool, filters: Filters, start: int) -> AsyncGenerator[bytes]:
    """Every event from seq `start` on, a line each, page by page."""
    search_from: int | None = start
    while search_from is not None:
        page = await filters.fetch(pool, search_from, PAGE)
        search_from = page.search_from
        if page.lines:
            yield page.lines


async def live_events(
    pool: Pool, tail: Tail, filters: Filters, start: int
) -> AsyncGenerator[bytes]:
    """Every event from seq `start` on as server-sent events, then each as it is committed.

    Ends when the client disconnects, the server stops or the database cannot be reached. Clients
    reconnect with the last id that they received.
    """
    async with tail.listening() as watch, aclosing(_live(pool, watch, filters, start)) as events:
        try:
            async for event in events:
                yield event
        except psycopg.Error as error:
            log.warning("a live stream ends", reason=type(error).__name__)


async def _live(pool: Pool, watch: Watch, filters: Filters, start: int) -> AsyncGenerator[bytes]:
    clock = asyncio.get_running_loop().time
    keepalive_at = clock() + KEEPALIVE_INTERVAL
    while not watch.over:
        size = watch.size
        if filters.kinds and (kinds_size := await filters.end(pool)) < size:
            size = kinds_size
            await asyncio.sleep(POLL_INTERVAL)  # kinds of the newest events are not folded yet
        async with aclosing(ndjson_blocks(pool, filters, start)) as blocks:
            async for block in blocks:
                events = [_server_sent_event(line) for line in block.splitlines()]
                yield b"".join([event for _, event in events])
                keepalive_at = clock() + KEEPALIVE_INTERVAL
                start = events[-1][0] + 1
                if watch.over:
                    return
        start = max(start, size)  # events that do not match the filters are not read again
        await watch.wait_beyond(start, deadline=keepalive_at)
        if clock() >= keepalive_at:
            yield KEEPALIVE_COMMENT
            keepalive_at = clock() + KEEPALIVE_INTERVAL


def _server_sent_event(line: bytes) -> tuple[int, bytes]:
    """The seq of an event, and the event as `text/event-stream`."""
    entry = orjson.loads(line)["entry"]
    seq = entry["seq"]
    return seq, format_sse_event(data_str=line.decode(), event=entry["type"], id=str(seq))
