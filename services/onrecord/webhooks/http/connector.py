"""Connections of the sender: only to checked addresses, with a limit on what they receive.

A name may resolve differently at each look-up (DNS rebinding), so the addresses of one look-up are
checked, and those are dialled without another look-up.
"""

import socket
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from aiohttp import TCPConnector

from onrecord.kit.networks import AllowedNetwork
from onrecord.webhooks.http.resolver import AddrInfo, Lookup, Resolver, check_address

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

# Seconds that an idle connection is kept. Common servers close theirs after 5; a POST on a
# connection that is just being closed would fail.
KEEP_ALIVE: Final = 4.0
# Bytes that may be received in answer to a request. aiohttp limits the head and `sender` the body,
# but nothing limits interim responses (1xx), empty lines, or extensions of a chunk.
MAX_RECEIVED: Final = 256 * 1024
# Bytes received at a time. asyncio reads 256 KiB, and all of it is parsed before any other
# connection has its turn: 200 ms for interim responses, now 10.
MAX_READ: Final = 4 * 1024
# Open connections from which on none is kept alive. A process often may have no more than 1,024
# files open, which a fan-out to as many hosts would use up.
MAX_KEPT_ALIVE: Final = 512


class ResponseTooLong(ConnectionError):
    """The receiver sends more than `MAX_RECEIVED`."""


class LimitedSocket(socket.socket):
    """A connection that receives at most `MAX_RECEIVED` bytes after anything is sent.

    asyncio's transports read by `recv`, or `recv_into` for TLS, and write by `send` or `sendmsg`.
    """

    left: int = MAX_RECEIVED

    def send(self, data: "ReadableBuffer", flags: int = 0, /) -> int:
        self.left = MAX_RECEIVED
        return super().send(data, flags)

    def sendmsg(self, *args: Any) -> int:
        self.left = MAX_RECEIVED
        return super().sendmsg(*args)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(min(size, MAX_READ), flags)
        self._count(len(data))
        return data

    def recv_into(self, buffer: "WriteableBuffer", size: int = 0, flags: int = 0) -> int:
        room = size or memoryview(buffer).nbytes
        received = super().recv_into(buffer, min(room, MAX_READ), flags)
        self._count(received)
        return received

    def _count(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise ResponseTooLong


class Connector(TCPConnector):
    """Dials no forbidden address, neither by name nor as a literal.

    aiohttp uses the resolver only for names; its socket factory sees every address. Both check: the
    resolver to refuse a name as a whole, the factory for literals. The number of connections is not
    limited: with aiohttp's limit of 100, endpoints that hang would block all others. Certificates
    are verified against the system's authorities, or those of SSL_CERT_FILE.
    """

    allowed_protocol_schema_set = frozenset({"http", "https"})  # aiohttp would post to ws: too

    def __init__(self, allow: Sequence[AllowedNetwork], lookup: Lookup) -> None:
        super().__init__(
            resolver=Resolver(allow, lookup),
            socket_factory=self._dial,
            ssl=ssl.create_default_context(),
            keepalive_timeout=KEEP_ALIVE,
            limit=0,
        )
        self._allow = allow
        self._dialled: WeakSet[LimitedSocket] = WeakSet()

    @property
    def crowded(self) -> bool:
        """Whether so many connections are open that the next must not be kept alive."""
        return len(self._dialled) >= MAX_KEPT_ALIVE

    def _dial(self, info: AddrInfo) -> LimitedSocket:
        check_address(info, self._allow)
        connection = LimitedSocket(info[0], info[1], info[2])
        self._dialled.add(connection)
        return connection
