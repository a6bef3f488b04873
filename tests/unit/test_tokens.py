"""Tokens of keys, and rates of requests."""

import hashlib
import re
from uuid import UUID

import pytest

from onrecord.access import rate_limits
from onrecord.access.rate_limits import RateLimits
from onrecord.access.tokens import new_token, token_digest, token_id
from onrecord.kit.http.problems import Problem
from onrecord.kit.settings import BadSettings, load_settings

ID = UUID("01939a3c-6f00-7a51-8a7c-3f1d5b2c9e10")


def test_a_token_has_the_id_of_its_key_and_256_random_bits() -> None:
    token, other = new_token(ID), new_token(ID)
    assert re.fullmatch(rf"onrecord_{ID.hex}_[0-9a-f]{{64}}", token)
    assert token != other
    assert token_id(token) == ID.hex
    assert token_digest(token) == hashlib.sha256(token.encode()).digest()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "onrecord_",
        new_token(ID)[:-1],
        new_token(ID) + "0",
        new_token(ID) + "\n",
        new_token(ID).upper(),
        new_token(ID).replace("_", "-"),
        new_token(ID)[:-1] + "\u0661",  # a digit of Unicode
        f" {new_token(ID)}",
    ],
)
def test_a_text_of_another_shape_is_no_token(text: str) -> None:
    assert token_id(text) is None


def test_a_limit_is_counted_for_each_key_and_says_when_to_try_again() -> None:
    limits = RateLimits("2/hour", "1/hour")
    for _ in range(2):
        limits.count_key("a")
    with pytest.raises(Problem) as raised:
        limits.count_key("a")
    assert (raised.value.status_code, raised.value.code) == (429, "rate-limited")
    assert 0 < int((raised.value.headers or {})["Retry-After"]) <= 3_600
    limits.count_key("b")


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", True),
    ],
)
def test_an_address_is_counted_and_an_ipv6_network_once(
    first: str, second: str, shared: bool
) -> None:
    limits = RateLimits("1/hour", "1/hour")
    limits.count_address(first, "address")
    limits.check_address(first, "probe")
    if shared:
        with pytest.raises(Problem):
            limits.check_address(second, "address")
        with pytest.raises(Problem):
            limits.count_address(second, "address")
    else:
        limits.count_address(second, "address")


@pytest.mark.parametrize("prefix", ["192.0.2.", "2001:db8:", "no address "])
def test_counters_of_addresses_are_bounded(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_COUNTERS", 10)
    limits = RateLimits("1/hour", "3/hour")
    rest = "" if "." in prefix else "::1"
    for number in range(13):
        limits.count_address(f"{prefix}{number}{rest}", "address")
    with pytest.raises(Problem):
        limits.count_address(f"{prefix}13{rest}", "address")
    limits.count_address(f"{prefix}1{rest}", "address")


@pytest.mark.parametrize("rate", ["", "many", "0/second", "10", "-1/second", "1/fortnight"])
def test_a_rate_that_cannot_be_used_is_refused(rate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONRECORD_RATE_PER_KEY", rate)
    with pytest.raises(BadSettings, match=r"ONRECORD_RATE_PER_KEY: is no rate .* 100/second"):
        load_settings()


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("record.example.org", False),
    ],
)
def test_an_address_that_other_machines_reach_is_known(host: str, is_loopback: bool) -> None:
    assert load_settings(host=host).is_loopback == is_loopback
