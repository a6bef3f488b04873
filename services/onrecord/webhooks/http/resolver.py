"""Name resolution that refuses names with a forbidden address.

Used by `connector`. The system's resolver does the look-up, each in a thread of its own.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from onrecord.kit.networks import AllowedNetwork
from onrecord.webhooks.http.egress import NotAllowed, forbidden

AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]  # as `socket.getaddrinfo` returns it

Lookup = Callable[[str, int], Sequence[AddrInfo]]


def look_up(host: str, port: int) -> Sequence[AddrInfo]:
    """Ask the system's resolver. Blocks."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


class Resolver(AbstractResolver):
    """Resolves names to allowed addresses; one forbidden address refuses the whole name."""

    def __init__(self, allow: Sequence[AllowedNetwork], lookup: Lookup) -> None:
        self._allow = allow
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve for aiohttp; raises `NotAllowed`, or OSError if there is no such name."""
        infos = await _run_in_thread(lambda: self._lookup(host, port))
        if not infos:
            raise OSError(None, "the name has no address")
        return [self._checked(host, port, info) for info in infos]

    async def close(self) -> None:
        """Nothing to close."""

    def _checked(self, host: str, port: int, info: AddrInfo) -> ResolveResult:
        check_address(info, self._allow, name=host)
        return ResolveResult(
            hostname=host,
            host=str(info[4][0]),
            port=port,
            family=info[0],
            proto=info[2],
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )


def check_address(
    info: AddrInfo, allow: Sequence[AllowedNetwork], *, name: str | None = None
) -> None:
    """Raise `NotAllowed` if an address may not be dialled; `name` is what resolved to it."""
    host, port, scope = info[4][0], info[4][1], info[4][3:]
    try:
        why = forbidden(ip_address(host), port, allow)
    except ValueError:
        why = "it is not an address"
    if any(scope):
        why = "it has a scope id, so it is of this host's own links"
    if why:
        subject = f"{name} leads to {host}, which" if name else f"{host}"
        raise NotAllowed(f"{subject} may not be dialled: {why}.")


async def _run_in_thread(call: Callable[[], Sequence[AddrInfo]]) -> Sequence[AddrInfo]:
    """Run a look-up in a daemon thread of its own.

    Not in the event loop's pool: a few names whose servers hang would occupy all of it, so other
    look-ups would queue behind them, and the process would not exit before they end.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Sequence[AddrInfo]] = loop.create_future()

    def settle(infos: Sequence[AddrInfo], error: Exception | None) -> None:
        if future.done():
            return  # the attempt has timed out
        if error is None:
            future.set_result(infos)
        else:
            future.set_exception(error)

    def run() -> None:
        infos: Sequence[AddrInfo] = ()
        error: Exception | None = None
        try:
            infos = call()
        except Exception as raised:
            error = raised
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, infos, error)

    threading.Thread(target=run, name="look-up", daemon=True).start()
    return await future
