"""How are events given one after the other, to the end or for ever?

Called by `routes`. A page is read when the client has taken the one before: memory is constant, and
no connection and no snapshot is held while a client is slow or has nothing to wait for.
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
from onrecord.audit.tail import EVERY, Tail, Watch
from onrecord.kit.sql.db import Pool, rows

log = structlog.get_logger()

PAGE: Final = 500
"""Entries read at a time."""
BEAT: Final = 15.0
"""Seconds of silence after which a live stream says that it is there."""


async def blocks(pool: Pool, filters: Filters, start: int) -> AsyncGenerator[bytes]:
    """Every event from seq `start` on, a line each, page by page."""
    query, asked = filters.page, filters.params
    at: int | None = start
    while at is not None:
        (found,) = await rows(pool, query, {**asked, "start": at, "limit": PAGE})
        at = found["next"]
        if found["lines"]:
            yield found["lines"]


async def live(pool: Pool, tail: Tail, filters: Filters, start: int) -> AsyncGenerator[bytes]:
    """Every event from seq `start` on as server-sent events, then each as it is committed.

    Ends when the client goes, the server stops or the database is away: clients come again with
    the last id that they saw.
    """
    async with tail.listening() as watch, aclosing(_live(pool, watch, filters, start)) as events:
        try:
            async for some in events:
                yield some
        except psycopg.Error as error:
            log.warning("a live stream ends", reason=type(error).__name__)


async def _live(pool: Pool, watch: Watch, filters: Filters, start: int) -> AsyncGenerator[bytes]:
    clock = asyncio.get_running_loop().time
    silent_until = clock() + BEAT
    while not watch.over:
        size = watch.size
        if filters.kinds and (known := await filters.end(pool)) < size:
            size = known
            await asyncio.sleep(EVERY)  # the ledger grew; their kinds are known in a moment
        async with aclosing(blocks(pool, filters, start)) as found:
            async for block in found:
                events = [_event(line) for line in block.splitlines()]
                yield b"".join([event for _, event in events])
                silent_until = clock() + BEAT
                start = events[-1][0] + 1
                if watch.over:
                    return
        start = max(start, size)  # what does not pass the filters is not looked at again
        await watch.grown(start, until=silent_until)
        if clock() >= silent_until:
            yield KEEPALIVE_COMMENT
            silent_until = clock() + BEAT


def _event(line: bytes) -> tuple[int, bytes]:
    entry = orjson.loads(line)["entry"]
    seq = entry["seq"]
    return seq, format_sse_event(data_str=line.decode(), event=entry["type"], id=str(seq))
