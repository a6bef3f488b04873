"""Raw TCP receivers for tests of the sender, on loopback only.

A receiver is a handler of a connection, free to read and write any bytes.
"""

import asyncio
import socket
import ssl
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from onrecord.kit.networks import AllowedNetwork, parse_network
from onrecord.webhooks.http.resolver import AddrInfo
from onrecord.webhooks.http.sender import AttemptOutcome, Sender

Handle = Callable[[Reader, Writer], Awaitable[None]]

LOOPBACK: Final = [parse_network("127.0.0.1/32")]
BODY: Final = b'{"specversion":"1.0"}'
NAME: Final = "receiver.test"

OK: Final = b"HTTP/1.1 200 OK\r\n"
EMPTY: Final = b"Content-Length: 0\r\n\r\n"


@asynccontextmanager
async def run_raw_receiver(
    handle: Handle, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Run a server; yields its port. A connection ends when its handler returns."""

    async def serve(reader: Reader, writer: Writer) -> None:
        try:
            await handle(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # the sender or the test closed it
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def read_request(reader: Reader) -> bytes:
    """Read a request: its head and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return head + await reader.readexactly(int(length or b"0"))


def answering(*answers: bytes) -> Handle:
    """A handler that answers each request of a connection with the next of these."""

    async def handle(reader: Reader, writer: Writer) -> None:
        for answer in answers:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()

    return handle


async def silent(reader: Reader, writer: Writer) -> None:
    """A handler that reads everything and never answers."""
    while await reader.read(65536):
        pass


def endless(first: bytes, rest: bytes, sent: list[int]) -> Handle:
    """A handler that answers `first`, then `rest` for ever; `sent` gets the size of each `rest`."""

    async def handle(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(first)
        while True:
            writer.write(rest)
            sent.append(len(rest))
            await writer.drain()

    return handle


def fake_lookup(*answers: Sequence[str]) -> tuple[Callable[[str, int], list[AddrInfo]], list[str]]:
    """A look-up that returns these addresses, one answer after another, and the names it got.

    The last answer is repeated.
    """
    remaining = list(answers)
    names: list[str] = []

    def lookup(host: str, port: int) -> list[AddrInfo]:
        names.append(host)
        addresses = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return [_info(address, port) for address in addresses]

    return lookup, names


def _info(address: str, port: int) -> AddrInfo:
    host, _, scope = address.partition("%")
    if ":" in host:
        sockaddr: tuple[Any, ...] = (host, port, 0, int(scope or 0))
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", sockaddr
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)


def post(
    handle: Handle,
    *,
    times: int = 1,
    scheme: str = "http",
    host: str = "127.0.0.1",
    path: str = "/hook",
    allow: Sequence[AllowedNetwork] = LOOPBACK,
    tls: ssl.SSLContext | None = None,
    **options: Any,
) -> list[AttemptOutcome]:
    """The outcomes of posting to a receiver `times` times, one after another."""

    async def run() -> list[AttemptOutcome]:
        async with run_raw_receiver(handle, tls=tls) as port, Sender(allow, **options) as sender:
            url = f"{scheme}://{host}:{port}{path}"
            return [await sender.post(url, headers={}, body=BODY) for _ in range(times)]

    return asyncio.run(run())
