"""Is a receiver believed to be whom its address names only by a certificate that says so?

Certificates are those of an authority of the test's own, which SSL_CERT_FILE names.
"""

import asyncio
import ssl
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from onrecord.webhooks.http.sender import Outcome
from tests.support.raw_receivers import (
    EMPTY,
    OK,
    answering,
    endless,
    leading,
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


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def secure(tls: ssl.SSLContext, *, times: int = 1) -> list[Outcome]:
    lookup, _ = leading(["127.0.0.1"])
    good = [OK + b"Content-Length: 2\r\n\r\nok"] * times
    return post(answering(*good), scheme="https", host=NAME, tls=tls, lookup=lookup, times=times)


def why(outcome: Outcome) -> str:
    assert (False, None) == (outcome.ok, outcome.status)
    return outcome.error or ""


def test_a_certificate_for_the_name_is_accepted(authority: trustme.CA) -> None:
    found = secure(serving(authority.issue_cert(NAME)), times=3)
    assert [(True, b"ok")] * 3 == [(one.ok, one.answer) for one in found]


def test_a_certificate_for_an_address_is_accepted(authority: trustme.CA) -> None:
    tls = serving(authority.issue_cert("127.0.0.1"))
    assert [True] == [one.ok for one in post(answering(OK + EMPTY), scheme="https", tls=tls)]


def test_a_certificate_for_another_name_is_refused(authority: trustme.CA) -> None:
    [outcome] = secure(serving(authority.issue_cert("other.test")))
    assert why(outcome).startswith("The receiver's certificate is not accepted: Hostname mismatch")


def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    [outcome] = secure(serving(trustme.CA().issue_cert(NAME)))
    assert (
        "The receiver's certificate is not accepted: unable to get local issuer certificate."
        == why(outcome)
    )


def test_a_certificate_that_vouches_for_itself_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    alone = trustme.CA()
    file = tmp_path / "alone.pem"
    file.write_bytes(alone.private_key_pem.bytes() + alone.cert_pem.bytes())
    context.load_cert_chain(file)
    [outcome] = secure(context)
    assert "The receiver's certificate is not accepted: self-signed certificate." == why(outcome)


def test_a_certificate_that_has_expired_is_refused(authority: trustme.CA) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    [outcome] = secure(serving(authority.issue_cert(NAME, not_after=past)))
    assert "The receiver's certificate is not accepted: certificate has expired." == why(outcome)


def test_plain_http_where_tls_is_due_is_refused() -> None:
    async def plain(reader: Reader, writer: Writer) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n" + EMPTY)

    lookup, _ = leading(["127.0.0.1"])
    [outcome] = post(plain, scheme="https", host=NAME, lookup=lookup, timeout=30)
    assert "The receiver does not speak TLS as we do." == why(outcome)


def test_tls_where_plain_http_is_due_is_a_failure(authority: trustme.CA) -> None:
    lookup, _ = leading(["127.0.0.1"])
    tls = serving(authority.issue_cert(NAME))
    [outcome] = post(answering(OK + EMPTY), host=NAME, tls=tls, lookup=lookup)
    assert why(outcome) in {
        "What the receiver answered is not HTTP, or its head is too long.",
        "The receiver ended the connection without an answer.",
        "The connection broke: connection reset by peer.",
    }


def test_a_handshake_that_hangs_is_left() -> None:
    lookup, _ = leading(["127.0.0.1"])
    [outcome] = post(silent, scheme="https", host=NAME, lookup=lookup, timeout=0.2)
    assert "The receiver did not answer within 0.2 s." == why(outcome)


def test_a_handshake_that_is_broken_off_is_told_so() -> None:
    async def hang_up(reader: Reader, writer: Writer) -> None:
        await reader.read(1)

    lookup, _ = leading(["127.0.0.1"])
    [outcome] = post(hang_up, scheme="https", host=NAME, lookup=lookup)
    assert "The receiver cannot be reached: it ended the connection." == why(outcome)


@pytest.mark.parametrize("rest", [b"\r\n" * 32768, b"HTTP/1.1 100 Continue\r\n\r\n" * 2600])
def test_what_never_ends_is_left_within_tls_too(authority: trustme.CA, rest: bytes) -> None:
    lookup, _ = leading(["127.0.0.1"])
    sent: list[int] = []
    tls = serving(authority.issue_cert(NAME))
    [outcome] = post(
        endless(b"", rest, sent), scheme="https", host=NAME, tls=tls, lookup=lookup, timeout=30
    )
    assert "The receiver sent more than an answer may be long." == why(outcome)
    assert sum(sent) < 16 * 2**20


def test_a_connection_within_tls_is_used_again(authority: trustme.CA) -> None:
    made: list[asyncio.StreamWriter] = []

    async def handle(reader: Reader, writer: Writer) -> None:
        made.append(writer)
        await answering(*[OK + EMPTY] * 3)(reader, writer)

    lookup, _ = leading(["127.0.0.1"])
    tls = serving(authority.issue_cert(NAME))
    found = post(handle, times=3, scheme="https", host=NAME, tls=tls, lookup=lookup)
    assert ([True] * 3, 1) == ([one.ok for one in found], len(made))
