"""Tests that the sender connects only to checked addresses, with the tests' own look-ups.

127.0.0.1 stands for a public address: it alone is allowed. 127.0.0.2 stands for a private one.
"""

import asyncio
import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import textwrap
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Sequence

import psutil
import pytest

from onrecord.kit.networks import parse_network
from onrecord.webhooks.http.egress import is_own
from onrecord.webhooks.http.sender import AttemptOutcome, Sender
from tests.support.raw_receivers import (
    BODY,
    EMPTY,
    LOOPBACK,
    OK,
    fake_lookup,
    post,
    read_request,
    run_raw_receiver,
    silent,
)
from tests.unit.test_egress import FORBIDDEN, PUBLIC
from tests.unit.test_egress import LOOPBACK as SPELLINGS


def refused(outcome: AttemptOutcome) -> str:
    """The reason why nothing was dialled."""
    assert (False, None, b"") == (outcome.ok, outcome.status, outcome.answer)
    assert outcome.error is not None
    return outcome.error


def test_no_forbidden_address_is_dialled_even_if_unchecked_before() -> None:
    """Literals, for which aiohttp does not use the resolver."""

    async def run() -> list[str]:
        async with Sender([], timeout=120) as sender:
            hosts = [f"[{host}]" if ":" in host else host for host in FORBIDDEN]
            return [
                refused(await sender.post(f"http://{host}:9/", headers={}, body=BODY))
                for host in hosts
            ]

    reasons = asyncio.run(run())
    assert [True] * len(FORBIDDEN) == ["may not be dialled: it is" in why for why in reasons]


def test_no_spelling_of_a_forbidden_address_is_dialled() -> None:
    """With the system's resolver, which also reads them as literals."""

    async def run() -> dict[str, str]:
        async with Sender([], timeout=120) as sender:
            return {
                host: refused(await sender.post(f"http://{host}:9/", headers={}, body=BODY))
                for host in SPELLINGS
                if host.isascii()
            }

    reasons = asyncio.run(run())
    expected = (
        "may not be dialled: it is",
        "may not be dialled: it has a scope id",
        "cannot be dialled as it is written",
    )
    assert {} == {
        host: why for host, why in reasons.items() if not any(reason in why for reason in expected)
    }


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (["127.0.0.2"], "receiver.test leads to 127.0.0.2, which may not be dialled: it is in 127"),
        (["127.0.0.1", "10.0.0.1"], "receiver.test leads to 10.0.0.1, which"),
        (["10.0.0.1", "127.0.0.1"], "receiver.test leads to 10.0.0.1, which"),
        (["127.0.0.1", "::1"], "receiver.test leads to ::1, which"),
        (["127.0.0.1", "::ffff:127.0.0.1"], "receiver.test leads to ::ffff:127.0.0.1, which"),
        (["127.0.0.1", "64:ff9b::7f00:1"], "receiver.test leads to 64:ff9b::7f00:1, which"),
        (["127.0.0.1", "fe80::1%1"], "receiver.test leads to fe80::1, which"),
        (["169.254.169.254"], "receiver.test leads to 169.254.169.254, which"),
        (["nowhere"], "receiver.test leads to nowhere, which may not be dialled: it is not an"),
    ],
)
def test_one_forbidden_address_refuses_the_name(answer: Sequence[str], why: str) -> None:
    lookup, names = fake_lookup(answer)

    async def never(reader: Reader, writer: Writer) -> None:
        raise AssertionError("it was dialled")

    [outcome] = post(never, host="receiver.test", lookup=lookup)
    assert refused(outcome).startswith(why)
    assert ["receiver.test"] == names


def test_the_address_dialled_is_the_one_that_was_checked() -> None:
    """A name that resolves to another address from the second look-up on (DNS rebinding).

    Receivers listen on the same port of both addresses; each answer closes its connection, so that
    each delivery needs a new one.
    """
    reached: list[str] = []

    async def handle(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        reached.append(writer.get_extra_info("sockname")[0])
        writer.write(OK + b"Connection: close\r\n" + EMPTY)

    async def run() -> tuple[list[AttemptOutcome], list[str]]:
        lookup, names = fake_lookup(["127.0.0.1"], ["127.0.0.2"])
        async with (
            run_raw_receiver(handle) as port,
            run_raw_receiver(handle, host="127.0.0.2", port=port),
            Sender(LOOPBACK, lookup=lookup) as sender,
        ):
            url = f"http://receiver.test:{port}/"
            outcomes = [await sender.post(url, headers={}, body=BODY) for _ in range(3)]
        async with Sender(LOOPBACK, lookup=lookup) as sender:
            outcomes.append(await sender.post(url, headers={}, body=BODY))
        return outcomes, names

    outcomes, names = asyncio.run(run())
    assert [True, True, True, False] == [outcome.ok for outcome in outcomes]
    assert ["127.0.0.1"] * 3 == reached
    assert "receiver.test leads to 127.0.0.2" in refused(outcomes[-1])
    assert ["receiver.test"] * 2 == names


def test_the_next_address_of_a_name_is_dialled_if_the_first_refuses() -> None:
    allow = [parse_network(network) for network in ("127.0.0.1/32", "127.0.0.2/32")]
    lookup, _ = fake_lookup(["127.0.0.2", "127.0.0.1"])

    async def handle(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(OK + EMPTY)

    [outcome] = post(handle, host="receiver.test", allow=allow, lookup=lookup)
    assert outcome.ok


@pytest.mark.parametrize("scheme", ["ftp", "file", "ws", "gopher"])
def test_schemes_other_than_http_are_refused(scheme: str) -> None:
    [outcome] = post(silent, scheme=scheme, timeout=120)
    assert "The receiver's address cannot be dialled as it is written." == refused(outcome)


# This host's own addresses


def test_the_addresses_of_this_host_are_recognised() -> None:
    families = (socket.AF_INET, socket.AF_INET6)
    own = [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in families and "%" not in address.address
    ]
    assert [True] * len(own) == [is_own(ipaddress.ip_address(host)) for host in own]
    assert [False] * len(PUBLIC) == [is_own(ipaddress.ip_address(host)) for host in PUBLIC]


def test_a_public_address_of_this_host_is_not_dialled() -> None:
    """In a network namespace in which this host has two public addresses."""
    if not (shutil.which("unshare") and shutil.which("ip") and os.geteuid() == 0):
        pytest.skip("needs root, unshare and ip, to have public addresses on this host")
    script = """
        import asyncio, subprocess
        from onrecord.kit.networks import parse_network
        from onrecord.webhooks.http.sender import Sender
        for address in ("93.184.216.34/32", "2606:4700:4700::1111/128"):
            subprocess.run(["ip", "addr", "add", address, "dev", "lo", "nodad"], check=False)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

        async def answer(reader, writer):
            await reader.readuntil(b"\\r\\n\\r\\n")
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")

        async def run():
            server = await asyncio.start_server(answer, "93.184.216.34", 8080)
            for allow in ([], [parse_network("93.184.216.34/32")]):
                async with Sender(allow) as sender:
                    for host in ("93.184.216.34", "[2606:4700:4700::1111]", "8.8.8.8"):
                        to = f"http://{host}:8080/"
                        outcome = await sender.post(to, headers={}, body=b"{}")
                        print(outcome.ok, outcome.error)
        asyncio.run(run())
    """
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unshare failed" in done.stderr:
        pytest.skip("this machine does not allow network namespaces")
    own = "may not be dialled: it is this host's own."
    assert [
        f"False 93.184.216.34 {own}",
        f"False 2606:4700:4700::1111 {own}",
        "False The receiver cannot be reached: network is unreachable.",
        "True None",
        f"False 2606:4700:4700::1111 {own}",
        "False The receiver cannot be reached: network is unreachable.",
    ] == done.stdout.splitlines(), done.stderr
