"""How does a test receive deliveries, well or badly? Servers of raw bytes, on loopback only.

A receiver is a function of a connection: it reads what it likes and writes what it likes.
"""

import asyncio
import socket
import ssl
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any, Final

from onrecord.webhooks.http.egress import Network
from onrecord.webhooks.http.resolver import AddrInfo
from onrecord.webhooks.http.sender import Outcome, Sender

Handle = Callable[[Reader, Writer], Awaitable[None]]

LOOPBACK: Final = [ip_network("127.0.0.1/32")]
BODY: Final = b'{"specversion":"1.0"}'
NAME: Final = "receiver.test"

OK: Final = b"HTTP/1.1 200 OK\r\n"
EMPTY: Final = b"Content-Length: 0\r\n\r\n"


@asynccontextmanager
async def receiver(
    handle: Handle, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """A server of `handle`, and its port. A connection ends with its handler."""

    async def serve(reader: Reader, writer: Writer) -> None:
        try:
            await handle(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # the sender ended it, or the test
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def asked(reader: Reader) -> bytes:
    """One request: its head and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return head + await reader.readexactly(int(length or b"0"))


def answering(*answers: bytes) -> Handle:
    """Each request on a connection gets the next of these."""

    async def handle(reader: Reader, writer: Writer) -> None:
        for answer in answers:
            await asked(reader)
            writer.write(answer)
            await writer.drain()

    return handle


async def silent(reader: Reader, writer: Writer) -> None:
    """Takes everything and never says a word."""
    while await reader.read(65536):
        pass


def endless(first: bytes, rest: bytes, sent: list[int]) -> Handle:
    """Answers with `first`, then `rest` again and again; `sent` is told how much that was."""

    async def handle(reader: Reader, writer: Writer) -> None:
        await asked(reader)
        writer.write(first)
        while True:
            writer.write(rest)
            sent.append(len(rest))
            await writer.drain()

    return handle


def leading(*answers: Sequence[str]) -> tuple[Callable[[str, int], list[AddrInfo]], list[str]]:
    """A resolver of a test's own: the addresses that each look-up gives, and the names asked for.

    The last answer is given again and again.
    """
    left = list(answers)
    names: list[str] = []

    def lookup(host: str, port: int) -> list[AddrInfo]:
        names.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [_info(one, port) for one in found]

    return lookup, names


def _info(address: str, port: int) -> AddrInfo:
    host, _, scope = address.partition("%")
    if ":" in host:
        where: tuple[Any, ...] = (host, port, 0, int(scope or 0))
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)


def post(
    handle: Handle,
    *,
    times: int = 1,
    scheme: str = "http",
    host: str = "127.0.0.1",
    path: str = "/hook",
    allow: Sequence[Network] = LOOPBACK,
    tls: ssl.SSLContext | None = None,
    **given: Any,
) -> list[Outcome]:
    """What comes of posting to a receiver `times` times, one after another."""

    async def run() -> list[Outcome]:
        async with receiver(handle, tls=tls) as port, Sender(allow, **given) as sender:
            url = f"{scheme}://{host}:{port}{path}"
            return [await sender.post(url, headers={}, body=BODY) for _ in range(times)]

    return asyncio.run(run())
