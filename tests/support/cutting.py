"""A proxy that cuts responses after a number of bytes, as a raw receiver's handler."""

import asyncio
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Iterable

from tests.support.raw_receivers import Handle

BEFORE_RESPONSE = 0


def cutting(port: int, limits: Iterable[int], cut: list[int]) -> Handle:
    """A handler that forwards each connection to a port of this machine.

    The n-th connection is cut once the server answered and n-th limit's bytes of it were passed on;
    those after the last limit are whole. `cut` gets the limit of each that was cut.
    """
    remaining = iter(limits)

    async def handle(reader: Reader, writer: Writer) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        upload = asyncio.create_task(_forward(reader, server_writer))
        limit = next(remaining, None)
        left = limit
        try:
            while chunk := await server_reader.read(65536):
                passed = chunk if left is None else chunk[:left]
                writer.write(passed)
                await writer.drain()
                if left is not None:
                    left -= len(passed)
                    if not left:
                        cut.append(limit or 0)
                        return
        finally:
            upload.cancel()
            server_writer.close()

    return handle


async def _forward(reader: Reader, writer: Writer) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
