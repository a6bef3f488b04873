"""Tests that a response spool is bounded by what it has been allowed, and waits for its reader."""

import asyncio

from onrecord.kit.http.spool import IN_MEMORY, MAX_SPOOLED, PER_REQUEST_BYTE, ResponseSpool


def test_a_spool_is_full_at_what_the_request_allows() -> None:
    spool = ResponseSpool()
    spool.put(b"a" * IN_MEMORY)
    assert spool.is_full
    spool.allow_for(1)
    assert not spool.is_full
    spool.put(b"a" * PER_REQUEST_BYTE)
    assert spool.is_full
    spool.allow_for(MAX_SPOOLED)
    spool.put(b"a" * (MAX_SPOOLED - IN_MEMORY))
    assert spool.is_full
    spool.close()


def test_a_full_spool_waits_until_all_is_read() -> None:
    async def run() -> bytes:
        spool = ResponseSpool()
        spool.put(b"a" * IN_MEMORY)
        assert not await spool.wait_until_read(0)
        chunks: list[bytes] = []

        async def read() -> None:
            chunks.extend([chunk async for chunk in spool])

        reader = asyncio.create_task(read())
        assert await spool.wait_until_read(30)
        assert not spool.is_full
        spool.put(b"b")
        spool.end()
        await reader
        spool.close()
        return b"".join(chunks)

    assert asyncio.run(run()) == b"a" * IN_MEMORY + b"b"
