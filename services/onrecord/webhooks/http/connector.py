"""How is an address dialled that was checked, never another, and how much may come back?

`send` makes its connections by this. A name may lead elsewhere at each look-up (DNS rebinding), so
the check is of the addresses that a look-up gave, and these are dialled without another look-up.
"""

import socket
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from aiohttp import TCPConnector

from onrecord.webhooks.http.egress import Network
from onrecord.webhooks.http.resolver import AddrInfo, Lookup, Resolver, check

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

KEEP_ALIVE: Final = 4.0
"""Seconds that a connection is kept for the next delivery. Common servers end theirs after 5: to
post on one that is just being ended would be a failure that was nobody's."""

TAKEN: Final = 256 * 1024
"""Bytes of all kinds that are taken in answer to what was last sent. aiohttp bounds a head and we a
body, but there is no end to interim answers (1xx), empty lines, or extensions of a chunk."""

AT_ONCE: Final = 4 * 1024
"""Bytes taken at a time. asyncio takes 256 KiB, and all of it is parsed before any other connection
has its turn: 200 ms where it is interim answers, now 10."""

MANY: Final = 512
"""Connections from which on none is kept. A process may often have no more than 1,024 files open,
which a fan-out to as many hosts would else use up."""


class TooMuch(ConnectionError):
    """The other side sends more than is taken."""


class Bounded(socket.socket):
    """A connection of which `TAKEN` bytes are taken, counted anew whenever something is sent.

    asyncio's transports read by `recv`, or `recv_into` for TLS, and write by `send` or `sendmsg`.
    """

    left: int = TAKEN

    def send(self, data: "ReadableBuffer", flags: int = 0, /) -> int:
        self.left = TAKEN
        return super().send(data, flags)

    def sendmsg(self, *given: Any) -> int:
        self.left = TAKEN
        return super().sendmsg(*given)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(min(size, AT_ONCE), flags)
        self._took(len(data))
        return data

    def recv_into(self, buffer: "WriteableBuffer", size: int = 0, flags: int = 0) -> int:
        room = size or memoryview(buffer).nbytes
        got = super().recv_into(buffer, min(room, AT_ONCE), flags)
        self._took(got)
        return got

    def _took(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise TooMuch


class Connector(TCPConnector):
    """Dials nothing that is forbidden, neither by name nor as a literal.

    aiohttp asks the resolver only for names; its socket factory sees whatever is dialled. Both are
    needed: the one to refuse a name as a whole, the other to hold for literals too. There is no
    limit of connections: by aiohttp's of 100, endpoints that hang would keep out all others.
    Certificates are checked against the system's, or those of SSL_CERT_FILE.
    """

    allowed_protocol_schema_set = frozenset({"http", "https"})  # aiohttp would post to ws: too

    def __init__(self, allow: Sequence[Network], lookup: Lookup) -> None:
        super().__init__(
            resolver=Resolver(allow, lookup),
            socket_factory=self._dial,
            ssl=ssl.create_default_context(),
            keepalive_timeout=KEEP_ALIVE,
            limit=0,
        )
        self._allow = allow
        self._dialled: WeakSet[Bounded] = WeakSet()

    @property
    def crowded(self) -> bool:
        """Whether so many connections are open that the next had better not be kept."""
        return len(self._dialled) >= MANY

    def _dial(self, info: AddrInfo) -> Bounded:
        check(info, self._allow)
        made = Bounded(info[0], info[1], info[2])
        self._dialled.add(made)
        return made
