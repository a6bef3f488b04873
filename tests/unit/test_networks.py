"""Networks in a setting: with a port, an address is allowed at that port only."""

from ipaddress import ip_address

import pytest

from onrecord.kit.networks import parse_network
from onrecord.webhooks.http.egress import NotAllowed, checked_url, forbidden


@pytest.mark.parametrize(
    ("setting", "same_port", "host"),
    [
        ("127.0.0.1:8443", True, "127.0.0.1"),
        ("127.0.0.0/8:8443", True, "127.9.9.9"),
        ("[fd00::/8]:8443", True, "fd00::1"),
        ("127.0.0.1:8444", False, "127.0.0.1"),
        ("[fd00::1]:8444", False, "fd00::1"),
    ],
)
def test_a_network_with_a_port_is_allowed_at_that_port_only(
    setting: str, same_port: bool, host: str
) -> None:
    allow = [parse_network(setting)]
    assert same_port == (forbidden(ip_address(host), 8443, allow) is None)
    assert forbidden(ip_address(host), 443, allow) is not None
    assert allow == [parse_network(str(allow[0]))]


BAD_NETWORKS = ["127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:", "[::1", "::1:x", "x:1"]


@pytest.mark.parametrize("setting", BAD_NETWORKS)
def test_a_network_that_cannot_be_read_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match=r"is no port|does not appear to be"):
        parse_network(setting)


def test_the_address_of_an_endpoint_is_allowed_at_that_port_only() -> None:
    allow = [parse_network("127.0.0.1:8443"), parse_network("127.0.0.1:80")]
    for url in ("https://127.0.0.1:8443/x", "http://127.0.0.1/x"):
        assert url == checked_url(url, allow)
    for url in ("https://127.0.0.1:8444/x", "https://127.0.0.1/x", "http://127.0.0.2/x"):
        with pytest.raises(NotAllowed, match="may not be dialled"):
            checked_url(url, allow)
