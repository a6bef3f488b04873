"""How is an address dialled that was checked, and never another?

`send` makes its connections by this. A name may lead elsewhere at each look-up (DNS rebinding), so
the check is of the addresses that a look-up gave, and these are dialled without another look-up.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from onrecord.webhooks.egress import Network, NotAllowed, forbidden

AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""As `socket.getaddrinfo` gives it."""

Lookup = Callable[[str, int], Sequence[AddrInfo]]

KEEP_ALIVE: Final = 4.0
"""Seconds that a connection is kept for the next delivery. Common servers end theirs after 5: to
post on one that is just being ended would be a failure that was nobody's."""


def look_up(host: str, port: int) -> Sequence[AddrInfo]:
    """What the system's resolver says. Blocks."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


class Resolver(AbstractResolver):
    """Names to addresses, all of which may be dialled: one that may not refuses the name."""

    def __init__(self, allow: Sequence[Network], lookup: Lookup) -> None:
        self._allow = allow
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """As aiohttp asks for it; `NotAllowed`, or OSError where there is no such name."""
        found = await _in_a_thread(lambda: self._lookup(host, port))
        if not found:
            raise OSError(None, "the name has no address")
        return [self._checked(host, port, one) for one in found]

    async def close(self) -> None:
        """Nothing is open."""

    def _checked(self, host: str, port: int, info: AddrInfo) -> ResolveResult:
        _check(info, self._allow, name=host)
        return ResolveResult(
            hostname=host,
            host=str(info[4][0]),
            port=port,
            family=info[0],
            proto=info[2],
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )


def connector(allow: Sequence[Network], lookup: Lookup = look_up) -> TCPConnector:
    """Dials nothing that is forbidden, neither by name nor as a literal.

    aiohttp asks the resolver only for names; its socket factory sees whatever is dialled. Both are
    needed: the one to refuse a name as a whole, the other to hold for literals too. There is no
    limit of connections: by aiohttp's of 100, endpoints that hang would keep out all others.
    """

    def dial(info: AddrInfo) -> socket.socket:
        _check(info, allow)
        return socket.socket(info[0], info[1], info[2])

    return TCPConnector(
        resolver=Resolver(allow, lookup),
        socket_factory=dial,
        keepalive_timeout=KEEP_ALIVE,
        limit=0,
    )


def _check(info: AddrInfo, allow: Sequence[Network], *, name: str | None = None) -> None:
    host, scope = info[4][0], info[4][3:]
    try:
        why = forbidden(ip_address(host), allow)
    except ValueError:
        why = "it is not an address"
    if any(scope):
        why = "it has a scope id"
    if why:
        led = f"{name} leads to {host}, which" if name else f"{host}"
        raise NotAllowed(f"{led} may not be dialled: {why}.")


async def _in_a_thread(call: Callable[[], Sequence[AddrInfo]]) -> Sequence[AddrInfo]:
    """Wait for a thread of its own that nobody waits for at exit.

    Not the event loop's pool: a few names whose servers hang would take all of it, and look-ups of
    others would stand behind them; and a process would not end before they do.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[AddrInfo]] = loop.create_future()

    def settle(found: Sequence[AddrInfo] | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found or ())

    def run() -> None:
        found, error = None, None
        try:
            found = call()
        except Exception as raised:
            error = raised
        try:
            loop.call_soon_threadsafe(settle, found, error)
        except RuntimeError:
            return  # the loop has ended, and who waited with it

    threading.Thread(target=run, name="look-up", daemon=True).start()
    return await answer
