"""To which addresses does a name lead, and may all of them be dialled?

Called by `dialling`. The system's resolver answers, in threads of its own.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from onrecord.webhooks.http.egress import Network, NotAllowed, forbidden

AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""As `socket.getaddrinfo` gives it."""

Lookup = Callable[[str, int], Sequence[AddrInfo]]


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
        check(info, self._allow, name=host)
        return ResolveResult(
            hostname=host,
            host=str(info[4][0]),
            port=port,
            family=info[0],
            proto=info[2],
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )


def check(info: AddrInfo, allow: Sequence[Network], *, name: str | None = None) -> None:
    """`NotAllowed` where what is about to be dialled may not be; `name` led there, if one did."""
    host, scope = info[4][0], info[4][3:]
    try:
        why = forbidden(ip_address(host), allow)
    except ValueError:
        why = "it is not an address"
    if any(scope):
        why = "it has a scope id, so it is of this host's own links"
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

    def settle(found: Sequence[AddrInfo], error: Exception | None) -> None:
        if answer.done():
            return  # who waited has given up
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def run() -> None:
        found: Sequence[AddrInfo] = ()
        error: Exception | None = None
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
