"""Egress rules: the addresses that a delivery may be sent to.

Anybody may create an endpoint, so without these rules its address could reach into our network
(SSRF). `checked_url` refuses an address when an endpoint is created, with a clear reason;
`forbidden`, called by `connector` on the IP address about to be dialled, is the actual guard.

Not `ipaddress.is_global`: of 81 addresses that must not be dialled (`tests/unit/test_egress.py`) it
allows 27 (Python 3.11), among them the NAT64 and 6to4 forms of private addresses.
"""

import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from yarl import URL

from onrecord.kit.networks import AllowedNetwork

Address = IPv4Address | IPv6Address

DENIED_V4: Final = {
    IPv4Network("0.0.0.0/8"): "this network",
    IPv4Network("10.0.0.0/8"): "private",
    IPv4Network("100.64.0.0/10"): "shared behind carriers' NAT",
    IPv4Network("127.0.0.0/8"): "loopback",
    IPv4Network("169.254.0.0/16"): "link-local",
    IPv4Network("172.16.0.0/12"): "private",
    IPv4Network("192.0.0.0/24"): "protocol assignments",
    IPv4Network("192.0.2.0/24"): "documentation",
    IPv4Network("192.88.99.0/24"): "6to4 relays",
    IPv4Network("192.168.0.0/16"): "private",
    IPv4Network("198.18.0.0/15"): "benchmarks",
    IPv4Network("198.51.100.0/24"): "documentation",
    IPv4Network("203.0.113.0/24"): "documentation",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("240.0.0.0/4"): "reserved",
}
# IPv6 is an allow-list: loopback, private, mapped IPv4, NAT64 and so on are outside of it.
GLOBAL_V6: Final = IPv6Network("2000::/3")

DENIED_V6: Final = {
    IPv6Network("2001::/23"): "protocol assignments, Teredo among them",
    IPv6Network("2001:db8::/32"): "documentation",
    IPv6Network("2002::/16"): "6to4",
    IPv6Network("3fff::/20"): "documentation",
}

_LITERAL: Final = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
_NAME: Final = re.compile(r"(?!.{254})[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")

_AUTHORITY: Final = re.compile(r"[^/?#]*//([^/?#]*)")
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")


class NotAllowed(Exception):
    """No delivery may be sent to this address; the message says why."""


def forbidden(address: Address, port: int, allow: Sequence[AllowedNetwork]) -> str | None:
    """Why this address may not be dialled, as a clause ("it is ..."); None if it may.

    Networks in `allow` may always be dialled, those with a port at that port. An IPv4 address
    embedded in an IPv6 address counts as the IPv6 address.
    """
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "it has a scope id, so it is of this host's own links"
    if any(allowed.contains(address, port) for allowed in allow):
        return None
    if isinstance(address, IPv6Address) and address not in GLOBAL_V6:
        return f"it is outside {GLOBAL_V6} (public IPv6)"
    denied = DENIED_V4 if isinstance(address, IPv4Address) else DENIED_V6
    for network, use in denied.items():
        if address in network:
            return f"it is in {network} ({use})"
    return "it is this host's own" if is_own(address) else None


def is_own(address: Address) -> bool:
    """Whether this host has the address: whether the kernel lets a socket bind to it.

    A list of interfaces costs ten times as much and misses networks that are routed to this host.
    """
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def checked_url(url: str, allow: Sequence[AllowedNetwork] = ()) -> str:
    """The address unchanged, or quoted if it has non-ASCII characters; raises `NotAllowed`.

    Resolves no name: that is checked whenever the name is dialled.
    """
    if any(char.isspace() or not char.isprintable() or char == "\\" for char in url):
        raise NotAllowed("An address has no spaces, control characters or backslashes.")
    try:
        parsed = URL(url)
        host = parsed.raw_host
    except ValueError:
        raise NotAllowed("This is not an address: write https://host/path.") from None
    if parsed.scheme not in {"http", "https"}:
        raise NotAllowed("The address must begin with https:// or http://.")
    if not host:
        raise NotAllowed("The address has no host: write https://host/path.")
    authority = _AUTHORITY.match(url)
    if authority and "@" in authority[1]:
        raise NotAllowed("The address has a user or password: the signature says who we are.")
    if "#" in url:
        raise NotAllowed("The address has a fragment, which is never sent: leave out the #.")
    if parsed.port == 0:
        raise NotAllowed("Port 0 cannot be dialled.")
    name = host.removesuffix(".")
    if authority and "[" in authority[1] and ":" not in host:
        raise NotAllowed(f"[{host}] is not an IPv6 address.")
    if (address := _literal(name)) is not None:
        assert parsed.port is not None  # both schemes have a default
        if why := forbidden(address, parsed.port, allow):
            raise NotAllowed(
                f"{host} may not be dialled: {why}. ONRECORD_EGRESS_ALLOW can allow a network."
            )
        if isinstance(address, IPv4Address) and host != str(address):
            raise NotAllowed(f"{host} is an address in disguise: write {address}.")
    elif not _NAME.fullmatch(name):
        raise NotAllowed(f"{host} is not the name of a host.")
    return url if _PLAIN.fullmatch(url) else str(parsed)


def _literal(host: str) -> Address | None:
    """The IP address that a resolver would read in this host without a look-up; None if none."""
    try:
        if ":" in host:
            return IPv6Address(host.replace("%25", "%", 1))
        if _LITERAL.fullmatch(host):
            return IPv4Address(socket.inet_aton(host))
    except (ValueError, OSError):
        raise NotAllowed(f"{host} is neither an address nor a name.") from None
    return None
