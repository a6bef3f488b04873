"""A response spool: bytes of an answer whose client does not read yet. Used by `POST /v1/batch`.

Most HTTP clients send their whole body before they read a byte of the answer. If writing the answer
blocked the reading of the body, such a client and this server would wait for each other for ever.
Up to 1 MiB waits in memory and what is beyond that in a temporary file, which is emptied whenever
the client has caught up. Its size is limited: small requests can have large answers.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import Final

IN_MEMORY: Final = 1_048_576
CHUNK: Final = 65_536
MAX_SPOOLED: Final = 16 * IN_MEMORY
"""Bytes; fewer for a short request."""
PER_REQUEST_BYTE: Final = 2
"""Bytes of an answer that may wait for each byte of the request, beside those in memory."""


class ResponseSpool:
    """Bytes from one writer, which never waits, to one reader, both on one event loop."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self._written = self._read = 0
        self._limit = IN_MEMORY
        self._more, self._emptied = asyncio.Event(), asyncio.Event()
        self._ended = False

    @property
    def is_full(self) -> bool:
        """Whether the writer should wait until the client has caught up."""
        return self._written >= self._limit

    def allow_for(self, request_bytes: int) -> None:
        """Raise the limit for so many more bytes of the request."""
        self._limit = min(MAX_SPOOLED, self._limit + PER_REQUEST_BYTE * request_bytes)

    async def wait_until_read(self, seconds: float) -> bool:
        """Wait until the client has caught up; false if it has not after so many seconds."""
        self._emptied.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._emptied.wait()
        return self._emptied.is_set()

    def put(self, data: bytes) -> None:
        """Append bytes."""
        self._file.seek(self._written)
        self._file.write(data)
        self._written += len(data)
        self._more.set()

    def end(self) -> None:
        """End the iteration after the bytes that are left."""
        self._ended = True
        self._more.set()

    def close(self) -> None:
        """Close and remove the file."""
        self._file.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            if self._read < self._written:
                self._file.seek(self._read)
                chunk = self._file.read(CHUNK)
                self._read += len(chunk)
                yield chunk
            elif self._ended:
                return
            else:
                self._file.seek(0)
                self._file.truncate()
                self._written = self._read = 0
                self._emptied.set()
                self._more.clear()
                await self._more.wait()
