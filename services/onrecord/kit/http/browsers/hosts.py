"""ASGI middleware that answers only requests to hosts of this service. Stops DNS rebinding.

A page of another site can have its own name resolve to the address of this service. The browser
then takes both for one origin, but the request still carries that name as its `Host`. Installed by
`entrypoints.app_factory`.
"""

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from onrecord.kit.http.problems import Problem

_HOST: Final = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{0,5})?", re.IGNORECASE)
_LIVENESS: Final = "/healthz"


def host_in(authority: str) -> str | None:
    """The name or address in `host[:port]`, in lower case; None if it is no host."""
    match = _HOST.fullmatch(authority)
    return (match[1] or match[2]).lower().removesuffix(".") if match else None


class HostMiddleware:
    """Admits loopback names and addresses, the address that the client connected to, and `hosts`.

    An IP address cannot be rebound, so a probe or a scraper may use that of the machine. Liveness
    is answered for any host: it says nothing, and a platform restarts what does not answer it.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset({"localhost", *hosts})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (problem := self._problem(scope)):
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        authorities = [value for name, value in scope["headers"] if name == b"host"]
        is_liveness = scope["path"] == _LIVENESS and scope["method"] in ("GET", "HEAD")
        if not authorities and scope["http_version"] == "1.0" and is_liveness:
            return None
        host = host_in(authorities[0].decode("latin-1")) if len(authorities) == 1 else None
        if host is None:
            detail = "A request needs one Host header with the name or address of this service."
            return Problem(400, "bad-host", detail)
        if host in self._hosts or is_liveness or _is_own_address(host, scope):
            return None
        detail = (
            f"This service does not answer for {host[:80]!r}. If that is a name of this service,"
            " add it to the setting ONRECORD_ALLOWED_HOSTS."
        )
        return Problem(421, "foreign-host", detail)


def _is_own_address(host: str, scope: Scope) -> bool:
    """Whether it is a loopback address, or the one at which this connection arrived."""
    address = _address(host)
    if address is None:
        return False
    return address.is_loopback or (scope["server"] and address == _address(scope["server"][0]))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
