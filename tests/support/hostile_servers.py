"""A server of a small sound log, which misbehaves at one address as a test says.

A misbehaviour writes an answer by hand, on a connection that is closed after it. `sent` counts the
bytes of bodies that it could write before the client went away.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import orjson

from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.keys import SigningKey
from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.kit.tlog.notes import sign_note
from onrecord.kit.tlog.tiles import bundle
from onrecord.verifying.tree import root_over

KEY: Final = SigningKey.generate("hostile.example/log")


def entry(seq: int, type_: str, data: dict[str, object], **commit: str) -> bytes:
    fields = {
        "v": 2,
        "type": type_,
        "version": 1,
        "id": str(UUID(int=seq + 1)),
        "seq": seq,
        "recorded_at": "2026-01-01T00:00:00.000000Z",
        "recorded_by": "local",
        "touches": {"actors": [], "topics": []},
        "data": data,
        "commit": commit,
    }
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


ENTRIES: Final = [entry(seq, "statement.made", {}) for seq in range(3)]
_LEAVES: Final = list(map(leaf_hash, ENTRIES))
_NOTE: Final = sign_note(Checkpoint(KEY.name, len(ENTRIES), root_over([], _LEAVES)).text, [KEY])
SOUND: Final[dict[str, bytes]] = {
    "/log/checkpoint": str(_NOTE).encode(),
    "/log/log.policy": f"log {KEY.verifier}\nquorum none\n".encode(),
    "/log/tile/entries/000.p/3": bundle(ENTRIES),
    "/log/tile/0/000.p/3": b"".join(_LEAVES),
    "/v1/events": b"".join(b'{"entry":%b,"payload":{},"erased":{}}\n' % data for data in ENTRIES),
    "/v1/changes": b'{"items":[],"next":null}',
    "/v1/positions": b'{"items":[],"next":null}',
}


class HostileServer(ThreadingHTTPServer):
    """Answers `SOUND`, but at the path `target` what `misbehave` writes."""

    daemon_threads = True

    def __init__(self, target: str, misbehave: "Callable[[HostileHandler], None]") -> None:
        super().__init__(("127.0.0.1", 0), HostileHandler)
        self.target, self.misbehave = target, misbehave
        self.stop = threading.Event()
        self.requests: list[str] = []
        self.encodings: set[str | None] = set()
        """What requests accept."""
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class HostileHandler(BaseHTTPRequestHandler):
    """A request, and the means to answer it badly."""

    server: HostileServer

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.requests.append(path)
        self.server.encodings.add(self.headers["Accept-Encoding"])
        with suppress(OSError):  # the client went away
            if path == self.server.target:
                self.server.misbehave(self)
            else:
                self.answer(SOUND[path])

    def answer(self, body: bytes, **headers: str) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.write(body)

    def write(self, body: bytes) -> None:
        self.wfile.write(body)
        self.wfile.flush()
        self.server.sent += len(body)

    def write_for_ever(self, body: bytes, *, pause: float | None = None) -> None:
        """The same bytes again and again, until the client goes away or the test is over."""
        while not self.server.stop.wait(pause or 0):
            self.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def hostile_server(
    target: str, misbehave: Callable[[HostileHandler], None]
) -> Iterator[HostileServer]:
    server = HostileServer(target, misbehave)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.stop.set()
        server.shutdown()
        thread.join(60)
        server.server_close()
