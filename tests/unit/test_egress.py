"""Tests of the egress rules: which addresses may be dialled, however they are written."""

import socket
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onrecord.kit.networks import parse_network
from onrecord.webhooks.http.egress import NotAllowed, checked_url, forbidden

# Each range: its first and last address, and the neighbours that are not in another range.
RANGES = {
    "0.0.0.0/8": ("0.0.0.0", "0.255.255.255", ["1.0.0.0"]),
    "10.0.0.0/8": ("10.0.0.0", "10.255.255.255", ["9.255.255.255", "11.0.0.0"]),
    "100.64.0.0/10": ("100.64.0.0", "100.127.255.255", ["100.63.255.255", "100.128.0.0"]),
    "127.0.0.0/8": ("127.0.0.0", "127.255.255.255", ["126.255.255.255", "128.0.0.0"]),
    "169.254.0.0/16": ("169.254.0.0", "169.254.255.255", ["169.253.255.255", "169.255.0.0"]),
    "172.16.0.0/12": ("172.16.0.0", "172.31.255.255", ["172.15.255.255", "172.32.0.0"]),
    "192.0.0.0/24": ("192.0.0.0", "192.0.0.255", ["191.255.255.255", "192.0.1.0"]),
    "192.0.2.0/24": ("192.0.2.0", "192.0.2.255", ["192.0.1.255", "192.0.3.0"]),
    "192.88.99.0/24": ("192.88.99.0", "192.88.99.255", ["192.88.98.255", "192.88.100.0"]),
    "192.168.0.0/16": ("192.168.0.0", "192.168.255.255", ["192.167.255.255", "192.169.0.0"]),
    "198.18.0.0/15": ("198.18.0.0", "198.19.255.255", ["198.17.255.255", "198.20.0.0"]),
    "198.51.100.0/24": ("198.51.100.0", "198.51.100.255", ["198.51.99.255", "198.51.101.0"]),
    "203.0.113.0/24": ("203.0.113.0", "203.0.113.255", ["203.0.112.255", "203.0.114.0"]),
    "224.0.0.0/4": ("224.0.0.0", "239.255.255.255", ["223.255.255.255"]),
    "240.0.0.0/4": ("240.0.0.0", "255.255.255.255", []),
    "::/3": ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["2000::"]),
    "2001::/23": (
        "2001::",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        ["2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"],
    ),
    "2001:db8::/32": (
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        ["2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"],
    ),
    "2002::/16": (
        "2002::",
        "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ["2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"],
    ),
    "3fff::/20": (
        "3fff::",
        "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        ["3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"],
    ),
    "4000::/2": (
        "4000::",
        "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ["3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ),
    "8000::/1": ("8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", []),
}

FORBIDDEN = """
    0.0.0.0 0.0.0.1 0.1.2.3 10.0.0.1 10.1.2.3 10.255.255.254 100.64.0.1 100.100.100.200 100.127.0.1
    127.0.0.1 127.0.0.53 127.1.2.3 127.255.255.254 169.254.0.1 169.254.169.254 169.254.170.2
    172.16.0.1 172.17.0.1 172.31.255.254 192.0.0.1 192.0.0.8 192.0.0.9 192.0.0.10 192.0.0.170
    192.0.2.1 192.88.99.1 192.88.99.2 192.168.0.1 192.168.1.1 192.168.255.254 198.18.0.1
    198.19.255.254 198.51.100.1 203.0.113.1 224.0.0.1 224.0.0.251 233.252.0.1 239.255.255.250
    240.0.0.1 255.255.255.254 255.255.255.255
    :: ::1 ::7f00:1 ::ffff:0:0 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
    ::ffff:93.184.216.34 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::10.0.0.1
    64:ff9b::169.254.169.254 64:ff9b::93.184.216.34 64:ff9b:1::1 64:ff9b:1:ffff::10.0.0.1
    100::1 100:0:0:1::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:1::1 2001:2::1 2001:3::1
    2001:4:112::1 2001:10::1 2001:20::1 2001:30::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::
    2002:a9fe:a9fe:: 3fff::1 5f00::1 fc00::1 fd00::1 fd00:ec2::254 fe80::1 fe80::5efe:a00:1
    fec0::1 ff02::1 ff0e::1
""".split()  # noqa: SIM905  (a list would be longer and no clearer)

PUBLIC = """
    1.1.1.1 8.8.8.8 9.9.9.9 93.184.216.34 100.0.0.1 172.15.0.1 172.32.0.1 192.0.1.1 192.31.196.1
    192.52.193.1 192.175.48.1 198.17.0.1 203.0.114.1 223.255.255.255
    2001:4860:4860::8888 2606:4700:4700::1111 2620:fe::fe 2a00:1450:4001:81b::200e 2001:200::1
    2400:cb00::1 2c00::1 3000::1
""".split()  # noqa: SIM905  (a list would be longer and no clearer)


@pytest.mark.parametrize("network", RANGES)
def test_a_range_is_denied_from_its_first_to_its_last_address(network: str) -> None:
    first, last, outside = RANGES[network]
    for address in (first, last):
        assert ip_address(address) in ip_network(network)
        assert forbidden(ip_address(address), 443, ()) is not None, address
    assert [None] * len(outside) == [forbidden(ip_address(host), 443, ()) for host in outside]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_is_refused_with_a_reason(address: str) -> None:
    assert (forbidden(ip_address(address), 443, ()) or "").startswith("it is ")
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(NotAllowed, match=r"may not be dialled: it is .*\.$"):
        checked_url(f"https://{host}:8443/hook")


def test_the_standard_library_allows_a_third_of_them() -> None:
    """Therefore the ranges are our own. If this fails, check whether they are still needed."""
    through = [host for host in FORBIDDEN if ip_address(host).is_global]
    assert len(through) >= 15, through


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_dialled(address: str) -> None:
    assert forbidden(ip_address(address), 443, ()) is None
    host = f"[{address}]" if ":" in address else address
    assert f"https://{host}:8443/hook" == checked_url(f"https://{host}:8443/hook")


@given(st.ip_addresses())
def test_exactly_the_listed_ranges_are_refused(address: IPv4Address) -> None:
    denied = any(address in ip_network(network) for network in RANGES)
    assert denied == (forbidden(address, 443, ()) is not None)


def test_only_allowed_networks_are_exempt() -> None:
    allow = [parse_network(network) for network in ("127.0.0.1/32", "10.1.0.0/16", "fd00::/8")]
    expected = {
        "127.0.0.1": True,
        "127.0.0.2": False,
        "10.1.255.255": True,
        "10.2.0.0": False,
        "fd00::1": True,
        "fc00::1": False,
        "::ffff:127.0.0.1": False,
        "64:ff9b::10.1.0.1": False,
        "fd00::1%lo": False,
        "8.8.8.8": True,
    }
    allowed = {host: forbidden(ip_address(host), 443, allow) is None for host in expected}
    assert expected == allowed


def test_an_address_with_a_scope_id_is_refused() -> None:
    every = [parse_network("::/0")]
    for address in ("fe80::1%eth0", "2606:4700::1%1", "::1%lo"):
        assert "it has a scope id, so it is of this host's own links" == forbidden(
            ip_address(address), 443, every
        )


# Addresses as they are written

LOOPBACK = """
    2130706433 017700000001 0x7f000001 0X7F000001 127.1 127.0.1 0177.0.0.1 0177.0.0.01 0x7f.1
    0x7f.0.0.1 127.0x0.0.1 127.000.000.001 127.0.0.1. 0x7F.0x00.0x00.0x01
    １２７.０.０.１ 127。0。0。1 ⑫⑦.0.0.1 [::1] [0:0:0:0:0:0:0:1]
    [0000::0001] [::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:7F00:0001]
    [::127.0.0.1] [64:ff9b::127.0.0.1] [2002:7f00:1::] [::1%lo] [::1%25lo] [fe80::1%25eth0]
    [fe80::1%eth0] [fe80::1%1] 0 0x0 00 0.0 [::] 2852039166 0xA9FEA9FE 0251.0376.0251.0376
    169.254.43518 169.0xfea9fe [::ffff:a9fe:a9fe]
""".split()  # noqa: SIM905  (a list would be longer and no clearer)


@pytest.mark.parametrize("host", LOOPBACK)
def test_no_spelling_hides_a_forbidden_address(host: str) -> None:
    with pytest.raises(NotAllowed, match="may not be dialled: it"):
        checked_url(f"http://{host}/")


@pytest.mark.parametrize("host", ["134744072", "0x08080808", "8.8.2056", "010.8.8.8", "8.8.8.8."])
def test_a_public_address_must_be_written_in_the_usual_form(host: str) -> None:
    with pytest.raises(NotAllowed, match=r"is an address in disguise: write 8\.8\.8\.8\."):
        checked_url(f"http://{host}/")


@given(
    st.one_of(
        st.text("0123456789abcdefx.", min_size=1, max_size=20),
        st.text("0123456789abcdef:.%", min_size=2, max_size=40).map(lambda host: f"[{host}]"),
    )
)
@example("0x")
@example("1.2.3.4.5")
@example("08.1")
def test_an_accepted_name_is_not_a_literal_to_the_resolver(host: str) -> None:
    """AI_NUMERICHOST: literals only, without a look-up."""
    try:
        checked_url(f"http://{host}/")
    except NotAllowed:
        return
    try:
        infos = socket.getaddrinfo(host.strip("[]"), 80, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return
    assert [None] * len(infos) == [forbidden(ip_address(info[4][0]), 443, ()) for info in infos]


@pytest.mark.parametrize(
    ("url", "dialled"),
    [
        ("https://news.example/h%6f?a=b&c=%2F%20+", "https://news.example/h%6f?a=b&c=%2F%20+"),
        ("https://news.example/a[]?b[]='(*)';c", "https://news.example/a[]?b[]='(*)';c"),
        ("https://news.example/\u00e9?q=\u00e9", "https://news.example/%C3%A9?q=%C3%A9"),
        ("https://news.example/<a>?{b}", "https://news.example/%3Ca%3E?%7Bb%7D"),
        ("http://news.example", "http://news.example"),
        ("http://news.example:8080/x", "http://news.example:8080/x"),
        ("HTTPS://News.Example/Hook", "HTTPS://News.Example/Hook"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example/"),
        ("https://news.example./", "https://news.example./"),
        ("http://web_hook/", "http://web_hook/"),
        ("http://1.example/", "http://1.example/"),
        ("http://0x7f000001.example/", "http://0x7f000001.example/"),
    ],
)
def test_a_url_is_stored_as_it_is_dialled(url: str, dialled: str) -> None:
    assert dialled == checked_url(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "begin with https://"),
        ("news.example/hook", "begin with https://"),
        ("//news.example/", "begin with https://"),
        ("ftp://news.example/", "begin with https://"),
        ("file:///etc/passwd", "begin with https://"),
        ("javascript:alert(1)", "begin with https://"),
        ("ws://news.example/", "begin with https://"),
        ("http:///hook", "no host"),
        ("http:news.example", "no host"),
        ("https://:443/", "not an address"),
        ("https://ann@news.example/", "user or password"),
        ("https://ann:pass@news.example/", "user or password"),
        ("https://@news.example/", "user or password"),
        ("https://:@news.example/", "user or password"),
        ("https://news.example#x@127.0.0.1/", "fragment"),
        ("https://news.example/#", "fragment"),
        ("https://news.example:0/", "Port 0"),
        ("https://news.example:65536/", "not an address"),
        ("https://news.example:-1/", "not an address"),
        ("https://news.example:http/", "not an address"),
        ("https://[::1/", "not an address"),
        ("https://[]/", "not an address"),
        ("https://[v1.fe80]/", "not an IPv6"),
        ("https://news .example/", "no spaces"),
        ("https://news.example/a b", "no spaces"),
        (" https://news.example/", "no spaces"),
        ("https://news.example/\r\nX: y", "no spaces"),
        ("https://news.example/\x00", "no spaces"),
        ("https://news.example\\@127.0.0.1/", "backslash"),
        ("https://a..example/", "not the name"),
        ("https://.example/", "not the name"),
        (f"https://{'a' * 64}.example/", "not the name"),
        (f"https://{'a.' * 127}example/", "not the name"),
        ("https://127.0.0.1%00.example/", "not the name"),
        ("https://%31%32%37.0.0.1/", "neither"),
        ("https://news%2eexample/", "not the name"),
        ("https://news,example/", "not the name"),
        ("https://1.2.3.4.5/", "neither"),
        ("https://256.0.0.1/", "neither"),
        ("https://4294967296/", "neither"),
        ("https://08.1/", "neither"),
        ("https://news.0x/", "neither"),
    ],
)
def test_an_invalid_url_is_refused_with_a_reason(url: str, words: str) -> None:
    with pytest.raises(NotAllowed, match=words) as refused:
        checked_url(url)
    assert str(refused.value).endswith(".")


@given(st.text(max_size=60) | st.text(max_size=60).map(lambda rest: f"http://{rest}"))
def test_no_text_crashes_the_check(text: str) -> None:
    try:
        url = checked_url(text)
    except NotAllowed:
        return
    assert url.lower().startswith(("http://", "https://"))


@given(
    st.integers(0, 2**32 - 1).map(IPv4Address), st.sampled_from(["{:d}", "0x{:x}", "0{:o}", "{:d}"])
)
def test_a_disguised_address_is_checked_as_the_address(address: IPv4Address, form: str) -> None:
    allow = [parse_network(str(address))]
    with pytest.raises(NotAllowed, match=r"in disguise|may not be dialled"):
        checked_url(f"http://{form.format(int(address))}/")
    assert f"http://{address}/" == checked_url(f"http://{address}/", allow)
