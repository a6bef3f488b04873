"""Who receives webhooks in a test? A real HTTP server, on 127.0.0.1, that keeps what it is sent.

`answer` is told of each request and says what to answer it: a status, or one with headers and a
body; it may also block, as a receiver that hangs does.
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
class Received:
    """One POST."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    """On `time.time`'s clock."""

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
    """What came, in the order in which it came."""

    port: int = 0
    answer: Callable[[Received], Answer] = lambda _: 204
    got: list[Received] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Received]:
        """What came to a path."""
        with self.lock:
            return [one for one in self.got if one.path == path]

    def seqs(self, path: str = "/hook") -> list[int]:
        """The seqs of the events that came to a path; pings have none."""
        return [one.seq for one in self.at(path) if "sequence" in one.json]


@contextmanager
def receiver(answer: Callable[[Received], Answer] = lambda _: 204) -> Iterator[Receiver]:
    """A receiver on a port of its own."""
    made = Receiver(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            one = Received(self.path, headers, body, time.time())
            with made.lock:
                made.got.append(one)
            said = made.answer(one)
            status, more, told = said if isinstance(said, tuple) else (said, {}, b"")
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a cut connection is no news
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
