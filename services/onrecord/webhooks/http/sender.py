"""The sender: one POST to a receiver that may be slow, broken or hostile.

Used by the deliverer for each attempt. Whatever a receiver or the network does, the result is an
`AttemptOutcome`.
"""

import asyncio
import errno
import os
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Self

import aiohttp
import structlog
from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar
from yarl import URL

from onrecord.kit.networks import AllowedNetwork
from onrecord.webhooks.http.connector import Connector, ResponseTooLong
from onrecord.webhooks.http.egress import NotAllowed
from onrecord.webhooks.http.resolver import Lookup, look_up

log = structlog.get_logger()

MAX_LOGGED: Final = 1024  # bytes of an answer that are stored in the log
MAX_BODY: Final = 64 * 1024  # bytes of an answer that are read; then the connection is closed
MAX_HEADER: Final = 8 * 1024  # bytes of a line of an answer's head
MAX_HEADERS: Final = 100
LOCAL_ERRORS: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

HEADERS: Final = {"User-Agent": "onrecord", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class AttemptOutcome:
    """The outcome of an attempt: `ok` for 2xx, else `error`, a sentence for the log.

    `answer`: its first bytes, at most `MAX_LOGGED`. `retry_after`: the header, in seconds. `gone`:
    the receiver answered 410.
    """

    ok: bool
    status: int | None
    error: str | None
    answer: bytes
    seconds: float
    retry_after: float | None
    gone: bool


class Sender:
    """A long-lived HTTP session.

    `allow`: networks that may be dialled although they are not public. `timeout`, in seconds, is
    for an attempt as a whole, from look-up to the end of the answer.
    """

    def __init__(
        self, allow: Sequence[AllowedNetwork], *, timeout: float = 15.0, lookup: Lookup = look_up
    ) -> None:
        self._allow, self._timeout, self._lookup = allow, timeout, lookup

    async def __aenter__(self) -> Self:
        self._connector = Connector(self._allow, self._lookup)
        self._session = ClientSession(
            connector=self._connector,
            timeout=ClientTimeout(),  # none: `post` has its own
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
            trust_env=False,
            headers=HEADERS,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
            max_headers=MAX_HEADERS,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> AttemptOutcome:
        """Send a request once. Raises nothing but CancelledError."""
        started = time.perf_counter()
        if self._connector.crowded:
            headers = {**headers, "Connection": "close"}
        answer: ClientResponse | None = None
        read = bytearray()
        error: str | None = None
        try:
            async with asyncio.timeout(self._timeout):
                # Marked as encoded: aiohttp would rewrite escapes, such as `%20` to `+`.
                to = URL(url, encoded=True)
                answer = await self._session.post(
                    to, headers=headers, data=body, allow_redirects=False
                )
                await _read(answer, read)
                error = _refusal(answer.status)
        except Exception as raised:
            error = self._describe(raised, answer)
        finally:
            if answer is not None:
                answer.close()
        return AttemptOutcome(
            ok=error is None,
            status=None if answer is None else answer.status,
            error=error,
            answer=bytes(read[:MAX_LOGGED]),
            seconds=time.perf_counter() - started,
            retry_after=_retry_after(answer),
            gone=answer is not None and answer.status == 410,
        )

    def _describe(self, error: Exception, answer: ClientResponse | None) -> str:
        answered = f"The receiver answered {answer.status}, but" if answer is not None else None
        match error:
            case NotAllowed():
                return str(error)
            case TimeoutError() if answered:
                return f"{answered} its answer did not end within {self._timeout:g} s."
            case TimeoutError():
                return f"The receiver did not answer within {self._timeout:g} s."
            case OSError() if error.errno in LOCAL_ERRORS:
                return f"This machine cannot open another connection: {_system(error)}."
            case aiohttp.ClientConnectorDNSError() if error.errno == socket.EAI_AGAIN:
                return "The receiver's name cannot be looked up now."
            case aiohttp.ClientConnectorDNSError():
                return "The receiver's name leads to no address."
            case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLError() as fault):
                reason = getattr(fault, "verify_message", None) or fault.reason
                return f"The receiver's certificate is not accepted: {reason}."
            case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
                return "The TLS handshake with the receiver failed."
            case aiohttp.ClientConnectorError():
                return f"The receiver cannot be reached: {_system(error.os_error)}."
            case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
                return "The receiver's address cannot be dialled as it is written."
            case _ if answered and isinstance(error, aiohttp.ClientError | OSError):
                return f"{answered} its answer did not come whole."
            case _ if _is_too_long(error):
                return "The receiver sent more than an answer may be long."
            case aiohttp.ServerDisconnectedError():
                return "The receiver ended the connection without an answer."
            case aiohttp.ClientResponseError():
                return "What the receiver answered is not HTTP, or its head is too long."
            case OSError():
                return f"The connection broke: {_system(error)}."
        # Whatever a receiver's bytes trigger in a library ends its own delivery only.
        log.error("an attempt ended as none should", exc_info=error)
        return "The attempt failed for a reason that is not known; the log has it."


async def _read(answer: ClientResponse, into: bytearray) -> None:
    while (left := MAX_BODY - len(into)) and (chunk := await answer.content.read(left)):
        into += chunk


def _is_too_long(error: BaseException | None) -> bool:
    """Whether `ResponseTooLong` caused this; aiohttp wraps what ends a connection."""
    while error and not isinstance(error, ResponseTooLong):
        error = error.__cause__
    return error is not None


def _refusal(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"The receiver answered {status}; redirects are not followed."
    return f"The receiver answered {status}."


def _retry_after(answer: ClientResponse | None) -> float | None:
    """The header in seconds from now, in either of its forms; None if it is neither."""
    value = None if answer is None else answer.headers.get("Retry-After")
    if value is None:
        return None
    if value.isascii() and value.isdigit() and len(value) <= 10:
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _system(error: OSError) -> str:
    """The system's message for the error number; the exception's would show IP addresses."""
    if error.errno:
        return os.strerror(error.errno).lower()
    return "it ended the connection" if isinstance(error, ConnectionError) else "no address answers"
