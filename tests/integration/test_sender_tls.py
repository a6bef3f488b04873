"""Tests that the sender verifies certificates.

They are issued by a test authority, named in SSL_CERT_FILE.
"""

import asyncio
import ssl
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from onrecord.webhooks.http.sender import AttemptOutcome
from tests.support.raw_receivers import (
    EMPTY,
    OK,
    answering,
    endless,
    fake_lookup,
    post,
    silent,
)

NAME = "receiver.test"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def post_over_tls(tls: ssl.SSLContext, *, times: int = 1) -> list[AttemptOutcome]:
    lookup, _ = fake_lookup(["127.0.0.1"])
    answers = [OK + b"Content-Length: 2\r\n\r\nok"] * times
    return post(answering(*answers), scheme="https", host=NAME, tls=tls, lookup=lookup, times=times)


def error_of(outcome: AttemptOutcome) -> str:
    assert (False, None) == (outcome.ok, outcome.status)
    return outcome.error or ""


def test_a_certificate_for_the_name_is_accepted(authority: trustme.CA) -> None:
    outcomes = post_over_tls(server_context(authority.issue_cert(NAME)), times=3)
    assert [(True, b"ok")] * 3 == [(outcome.ok, outcome.answer) for outcome in outcomes]


def test_a_certificate_for_an_address_is_accepted(authority: trustme.CA) -> None:
    tls = server_context(authority.issue_cert("127.0.0.1"))
    [outcome] = post(answering(OK + EMPTY), scheme="https", tls=tls)
    assert outcome.ok


def test_a_certificate_for_another_name_is_refused(authority: trustme.CA) -> None:
    [outcome] = post_over_tls(server_context(authority.issue_cert("other.test")))
    assert error_of(outcome).startswith(
        "The receiver's certificate is not accepted: Hostname mismatch"
    )


def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    [outcome] = post_over_tls(server_context(trustme.CA().issue_cert(NAME)))
    assert (
        "The receiver's certificate is not accepted: unable to get local issuer certificate."
        == error_of(outcome)
    )


def test_a_self_signed_certificate_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    alone = trustme.CA()
    file = tmp_path / "alone.pem"
    file.write_bytes(alone.private_key_pem.bytes() + alone.cert_pem.bytes())
    context.load_cert_chain(file)
    [outcome] = post_over_tls(context)
    assert "The receiver's certificate is not accepted: self-signed certificate." == error_of(
        outcome
    )


def test_an_expired_certificate_is_refused(authority: trustme.CA) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    [outcome] = post_over_tls(server_context(authority.issue_cert(NAME, not_after=past)))
    assert "The receiver's certificate is not accepted: certificate has expired." == error_of(
        outcome
    )


def test_plain_http_in_answer_to_tls_is_refused() -> None:
    async def plain(reader: Reader, writer: Writer) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n" + EMPTY)

    lookup, _ = fake_lookup(["127.0.0.1"])
    [outcome] = post(plain, scheme="https", host=NAME, lookup=lookup, timeout=120)
    assert "The TLS handshake with the receiver failed." == error_of(outcome)


def test_tls_in_answer_to_plain_http_is_a_failure(authority: trustme.CA) -> None:
    lookup, _ = fake_lookup(["127.0.0.1"])
    tls = server_context(authority.issue_cert(NAME))
    [outcome] = post(answering(OK + EMPTY), host=NAME, tls=tls, lookup=lookup)
    assert error_of(outcome) in {
        "What the receiver answered is not HTTP, or its head is too long.",
        "The receiver ended the connection without an answer.",
        "The connection broke: connection reset by peer.",
    }


def test_a_handshake_that_hangs_times_out() -> None:
    lookup, _ = fake_lookup(["127.0.0.1"])
    [outcome] = post(silent, scheme="https", host=NAME, lookup=lookup, timeout=0.2)
    assert "The receiver did not answer within 0.2 s." == error_of(outcome)


def test_a_broken_handshake_is_logged_as_such() -> None:
    async def hang_up(reader: Reader, writer: Writer) -> None:
        await reader.read(1)

    lookup, _ = fake_lookup(["127.0.0.1"])
    [outcome] = post(hang_up, scheme="https", host=NAME, lookup=lookup)
    assert "The receiver cannot be reached: it ended the connection." == error_of(outcome)


@pytest.mark.parametrize("rest", [b"\r\n" * 32768, b"HTTP/1.1 100 Continue\r\n\r\n" * 2600])
def test_an_endless_answer_is_cut_off_within_tls(authority: trustme.CA, rest: bytes) -> None:
    lookup, _ = fake_lookup(["127.0.0.1"])
    sent: list[int] = []
    tls = server_context(authority.issue_cert(NAME))
    [outcome] = post(
        endless(b"", rest, sent), scheme="https", host=NAME, tls=tls, lookup=lookup, timeout=120
    )
    assert "The receiver sent more than an answer may be long." == error_of(outcome)
    assert sum(sent) < 16 * 2**20


def test_a_tls_connection_is_reused(authority: trustme.CA) -> None:
    connections: list[asyncio.StreamWriter] = []

    async def handle(reader: Reader, writer: Writer) -> None:
        connections.append(writer)
        await answering(*[OK + EMPTY] * 3)(reader, writer)

    lookup, _ = fake_lookup(["127.0.0.1"])
    tls = server_context(authority.issue_cert(NAME))
    outcomes = post(handle, times=3, scheme="https", host=NAME, tls=tls, lookup=lookup)
    assert ([True] * 3, 1) == ([outcome.ok for outcome in outcomes], len(connections))
