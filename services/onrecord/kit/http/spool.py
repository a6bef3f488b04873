"""Where do bytes wait for a reader who is not reading yet?

Called by `/v1/batch`: most HTTP clients send their whole body before they read a byte of the
answer, and would never get to it if the answer's first half held up the reading of the body. Up to
1 MiB waits in memory, more of it in a temporary file; a reader who keeps up never makes it grow.
"""

import asyncio
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import Final

IN_MEMORY: Final = 1_048_576
CHUNK: Final = 65_536


class Backlog:
    """Bytes between one writer, who never waits, and one reader, both on one event loop."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self._written = self._read = 0
        self._more = asyncio.Event()
        self._ended = False

    def put(self, data: bytes) -> None:
        """Add bytes."""
        self._file.seek(self._written)
        self._file.write(data)
        self._written += len(data)
        self._more.set()

    def end(self) -> None:
        """Nothing more will be added."""
        self._ended = True
        self._more.set()

    def close(self) -> None:
        """Give the file back."""
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
                self._more.clear()
                await self._more.wait()
