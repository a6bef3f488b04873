"""Hostile connections: bytes that are no HTTP, heads and bodies that never end. Used by `run`.

Each function sends one request over a connection of its own. It returns the status of the response,
or None where the server closed the connection without one.
"""

import asyncio
import random
from contextlib import suppress
from typing import Final

ANSWER_SECONDS: Final = 30.0
DRIP_SECONDS: Final = 2.0


async def random_bytes(rng: random.Random, port: int) -> int | None:
    """Bytes of any value; some begin as HTTP does."""
    start = rng.choice(
        (b"", b"GET / HTTP/1.1\r\n", b"POST /v1/actors HTTP/1.1\r\nHost: ", b"PRI * ")
    )
    return await _send(port, start + rng.randbytes(rng.choice((1, 50, 3_000))) + b"\r\n\r\n")


async def huge_head(rng: random.Random, port: int) -> int | None:
    """Many headers, or one long header, or a long address."""
    size = rng.choice((10_000, 100_000, 1_000_000))
    head = rng.choice(
        (
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-A: b\r\n" * (size // 8),
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + b"b" * size + b"\r\n",
            b"GET /" + b"a" * size + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n",
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: " + b"a=b;" * (size // 4) + b"\r\n",
        )
    )
    return await _send(port, head + b"\r\n")


async def slow(rng: random.Random, port: int) -> int | None:
    """A head or a body that comes byte by byte, until the client gives up."""
    head = b"POST /v1/actors HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += rng.choice((b"Content-Length: 1000\r\n", b"Transfer-Encoding: chunked\r\n"))
    start = head + rng.choice((b"", b"\r\n"))
    return await _send(port, start, drip=rng.choice((b"a", b"1\r\na\r\n", b"")))


async def _send(port: int, data: bytes, drip: bytes | None = None) -> int | None:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    try:
        with suppress(OSError, TimeoutError):
            writer.write(data)
            await asyncio.wait_for(writer.drain(), ANSWER_SECONDS)
            if drip is None:
                writer.write_eof()
                line = await asyncio.wait_for(reader.readline(), ANSWER_SECONDS)
                return int(line.split()[1]) if line.startswith(b"HTTP/1.") else None
            async with asyncio.timeout(DRIP_SECONDS):
                while not reader.at_eof():
                    writer.write(drip)
                    await writer.drain()
                    # the drip is the hostile client's own pace
                    await asyncio.sleep(0.1)
        return None
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
