"""A receiver of webhooks: an HTTP server on 127.0.0.1 that keeps what it is sent.

Its `answer` gets each request and returns a status, or a status with headers and a body. It may
block, as a receiver that hangs does.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass(frozen=True)
class ReceivedRequest:
    """One POST; `at` is by `time.time`."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def seq(self) -> int:
        return int(self.json["sequence"])


Answer = int | tuple[int, Mapping[str, str], bytes]


@dataclass
class Receiver:
    """A running receiver; `requests` are in order of arrival."""

    port: int = 0
    answer: Callable[[ReceivedRequest], Answer] = lambda _: 204
    requests: list[ReceivedRequest] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[ReceivedRequest]:
        """The requests to a path."""
        with self.lock:
            return [request for request in self.requests if request.path == path]

    def seqs(self, path: str = "/hook") -> list[int]:
        """The seqs of the events that arrived at a path; pings have none."""
        return [request.seq for request in self.at(path) if "sequence" in request.json]


@contextmanager
def run_receiver(
    answer: Callable[[ReceivedRequest], Answer] = lambda _: 204,
) -> Iterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = ReceivedRequest(self.path, headers, body, time.time())
            with receiver.lock:
                receiver.requests.append(request)
            answer = receiver.answer(request)
            status, more, content = answer if isinstance(answer, tuple) else (answer, {}, b"")
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a cut connection is no news
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
