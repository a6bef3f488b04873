"""uvicorn's HTTP protocol with bounds: no client holds a place, memory or an answer for long.

Used by `entrypoints.server`. uvicorn 0.54 limits the time between two requests only. This protocol
adds deadlines of heads, minimum rates of bodies and of answers, and sizes of heads; it refuses in
problems. Deadlines are checked once a second for all connections, which costs a request nothing.
"""

from typing import Any, Final, NoReturn

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from onrecord.kit.http.problems import Problem, unavailable
from onrecord.kit.http.server.limits import Credit, Limits

log = structlog.get_logger()


class BoundedProtocol(HttpToolsProtocol):
    """A connection. `idle` holds those without a request, the longest idle first."""

    def __init__(self, *, limits: Limits, idle: "dict[BoundedProtocol, None]", **uvicorn: Any):
        super().__init__(**uvicorn)
        self._limits, self._idle = limits, idle
        self._deadline: float | None = None
        """When the head must be complete, the next request begin, or a dropped body end."""
        self._is_between_requests = False
        """After an answer, with no byte of the next request."""
        self._reads_body = False
        self._is_refused = False
        """What the client sends from now on is dropped."""
        self._refusal: Problem | None = None
        self._is_head_repeated = False
        self._running: RequestResponseCycle | None = None
        self._callbacks = self._bytes_without_callback = self._head_bytes = 0
        self._body_credit, self._answer_credit = Credit(limits), Credit(limits)
        self._unsent = 0

    # Connection

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            if not self._idle:
                detail = "All connections of this process are busy."
                self._refuse(unavailable("too-many-connections", detail))
                return
            next(iter(self._idle)).abort()
        self._idle[self] = None
        self._deadline = self.loop.time() + self._limits.head_seconds

    def abort(self) -> None:
        """Close at once, whatever has not been sent."""
        self._idle.pop(self, None)
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle.pop(self, None)
        # uvicorn tells only the newest of several requests
        for cycle in [self._running, *(cycle for cycle, _ in self.pipeline)]:
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._is_between_requests:
            self._is_between_requests = False
            self._deadline = self.loop.time() + self._limits.head_seconds
        if self._reads_body:
            self._body_credit.earn(len(data))
        callbacks = self._callbacks
        self._unset_keepalive_if_required()
        self._parse(data)
        if callbacks != self._callbacks:
            self._bytes_without_callback = 0
            return
        self._bytes_without_callback += len(data)
        if self._bytes_without_callback > self._limits.head_bytes:
            self._refuse(_head_too_large(self._limits))

    def resume_writing(self) -> None:
        self._answer_credit.renew()
        super().resume_writing()

    # Parser

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parse_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            detail = "It is not a request of HTTP/1.1 that can be read."
            self._refuse(self._refusal or Problem(400, "bad-request", detail))

    def _parse_without_upgrade(self, rest: bytes) -> None:
        """Go on as if the client had not offered another protocol.

        The parser takes what follows such a head for that protocol. Java's client offers `h2c` with
        each first request, also with a body, which uvicorn would lose.
        """
        framing = [
            b"%b: %b\r\n" % header
            for header in self.headers
            if header[0] in (b"content-length", b"transfer-encoding")
        ]
        self._is_head_repeated = True
        self.parser = httptools.HttpRequestParser(self)
        self._parse(b"POST / HTTP/1.1\r\n" + b"".join(framing) + b"\r\n" + rest)

    def on_message_begin(self) -> None:
        if self._is_head_repeated:
            return
        self._callbacks += 1
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._is_head_repeated:
            return
        self._callbacks += 1
        self._head_bytes += len(url)
        super().on_url(url)
        if len(self.url) > self._limits.target_bytes:
            detail = f"An address may have {self._limits.target_bytes:,} bytes."
            self._stop_parsing(Problem(414, "address-too-long", detail))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_head_repeated:
            return
        self._callbacks += 1
        self._head_bytes += len(name) + len(value) + len(b": \r\n")
        if self._head_bytes > self._limits.head_bytes or len(self.headers) >= self._limits.headers:
            self._stop_parsing(_head_too_large(self._limits))
        if not self._reads_body:  # a trailer is no header
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_head_repeated:
            self._is_head_repeated = False
            return
        self._deadline = None
        self._idle.pop(self, None)
        self._reads_body = True
        self._body_credit.renew()
        self._follow_target()
        super().on_headers_complete()
        if len(self.pipeline) >= self._limits.pipelined:
            self._end_after(self.cycle)

    def _follow_target(self) -> None:
        """Take the host from a target that names one, as RFC 9112 (3.2.2) says."""
        if self.url.startswith(b"/"):
            return
        try:
            target = httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError:
            target = None
        if target is None or target.host is None or target.path is None:
            self._reads_body = False
            detail = "A request is for a path, as /v1/actors, or for the whole address of one."
            self._stop_parsing(Problem(400, "bad-request", detail))
        host = b"[%b]" % target.host if b":" in target.host else target.host
        port = b":%d" % target.port if target.port else b""
        self.headers[:] = [item for item in self.headers if item[0] != b"host"]
        self.headers.append((b"host", host + port))

    def on_body(self, body: bytes) -> None:
        self._callbacks += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._callbacks += 1
        if self.parser.should_upgrade():
            return  # its body follows
        self._reads_body = False
        super().on_message_complete()
        if self.cycle.response_complete:
            self._begin_idle()

    # Answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        self._answer_credit.renew()
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self._running = None
        super().on_response_complete()
        if self._running is not None or self.transport.is_closing():
            return
        if self._reads_body:
            self._deadline = self.loop.time() + self._limits.drain_seconds
        else:
            self._begin_idle()

    def _begin_idle(self) -> None:
        self._is_between_requests = True
        self._deadline = self.loop.time() + self._limits.idle_seconds
        self._idle[self] = None

    # Refusals

    def _stop_parsing(self, problem: Problem) -> NoReturn:
        """Leave a callback of the parser, to refuse the request."""
        self._refusal = problem
        raise httptools.HttpParserError

    def _refuse(self, problem: Problem) -> None:
        """Answer what cannot be read after the requests before it, and close the connection."""
        self._is_refused = True
        unread = self.cycle if self._reads_body and self.cycle is not None else None
        if unread is not None and unread is not self._running and self.pipeline:
            self.pipeline.popleft()  # it waits for the answers before its own
        if self._running is not None and self._running is not unread:
            self._end_after(self.pipeline[0][0] if self.pipeline else self._running)
            return
        if unread is not None and unread.response_started:
            self.abort()
            return
        if unread is not None:
            unread.disconnected = True
            unread.message_event.set()
        self._send_problem(problem)
        self.transport.close()

    def _end_after(self, cycle: RequestResponseCycle) -> None:
        """Close the connection after this answer, and drop what the client sends meanwhile."""
        self._is_refused = True
        cycle.keep_alive = False

    def _send_problem(self, problem: Problem) -> None:
        response = problem.response()
        log.info(
            "request", method=None, route=None, status=response.status_code, problem=problem.code
        )
        headers = [*self.server_state.default_headers, *response.raw_headers, _CLOSE]
        head = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[response.status_code] + head + b"\r\n" + response.body)

    # Deadlines

    def check_deadlines(self, now: float, seconds: float) -> None:
        """Close what is late or too slow; `seconds` have passed since the last check."""
        if self._is_answer_too_slow(seconds):
            self.abort()
        elif self.transport.is_closing() or self._is_refused:
            return
        elif self._running is None and self._deadline is not None and now > self._deadline:
            if self._is_between_requests or not self._head_bytes or self._reads_body:
                self.transport.close()
            else:
                self._refuse(_too_slow("head"))
        elif self._is_body_awaited() and self._body_credit.spend(seconds):
            self._refuse(_too_slow("body"))

    def _is_body_awaited(self) -> bool:
        """Whether the client could send more of the body of the request that is being answered."""
        return (
            self._reads_body
            and self.cycle is self._running
            and not self.cycle.waiting_for_100_continue
            and not self.flow.read_paused
        )

    def _is_answer_too_slow(self, seconds: float) -> bool:
        before, self._unsent = self._unsent, self.transport.get_write_buffer_size()
        if self._unsent == 0:
            self._answer_credit.renew()
            return False
        self._answer_credit.earn(max(0, before - self._unsent))
        if self._is_body_awaited():
            return False  # most clients send all before they read; the body has a rate of its own
        return self._answer_credit.spend(seconds)


_CLOSE: Final = (b"connection", b"close")


def _head_too_large(limits: Limits) -> Problem:
    detail = (
        f"The head of a request may have {limits.head_bytes:,} bytes and {limits.headers} headers."
    )
    return Problem(431, "head-too-large", detail)


def _too_slow(part: str) -> Problem:
    return Problem(408, "too-slow-request", f"The {part} of the request did not arrive in time.")
