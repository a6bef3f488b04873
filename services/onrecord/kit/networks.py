"""Networks that are allowed by a setting, each with a port or for all ports.

Parsed by `kit.settings`, matched by the egress rules of webhooks.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

_V4_AND_PORT: Final = re.compile(r"(?P<network>[^:]+):(?P<port>[0-9]+)")
_V6_AND_PORT: Final = re.compile(r"\[(?P<network>[^\]]+)\]:(?P<port>[0-9]+)")


@dataclass(frozen=True, slots=True)
class AllowedNetwork:
    """A network; only at `port`, if there is one."""

    network: IPv4Network | IPv6Network
    port: int | None = None

    def contains(self, address: IPv4Address | IPv6Address, port: int) -> bool:
        return address in self.network and self.port in (None, port)

    def __str__(self) -> str:
        if self.port is None:
            return str(self.network)
        host = f"[{self.network}]" if self.network.version == 6 else str(self.network)
        return f"{host}:{self.port}"


def parse_network(text: str) -> AllowedNetwork:
    """Parse `10.1.0.0/16`, `10.1.2.3:8443`, `fd00::/8` or `[fd00::1]:8443`; raises ValueError."""
    match = _V4_AND_PORT.fullmatch(text) or _V6_AND_PORT.fullmatch(text)
    if match is None:
        return AllowedNetwork(ip_network(text))
    port = int(match["port"])
    if not 0 < port < 65_536:
        raise ValueError(f"{port} is no port")
    return AllowedNetwork(ip_network(match["network"]), port)
