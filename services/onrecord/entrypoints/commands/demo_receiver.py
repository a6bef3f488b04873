"""How does the demo show a webhook? By a receiver of its own, which checks what it is sent.

A small HTTP server on this machine, and the receiver's half of Standard Webhooks by their library.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from queue import Empty, Queue
from typing import Any, Final

import httpx2
from standardwebhooks import Webhook, WebhookVerificationError

HERE: Final = ip_network("127.0.0.1/32")
"""What only the demo's deliverer may dial."""
PATIENCE: Final = 20.0


@dataclass
class Listener:
    """What came, in order, each with its headers."""

    url: str
    _came: "Queue[tuple[dict[str, str], bytes]]" = field(default_factory=Queue)

    def next(self, secret: str) -> dict[str, Any] | None:
        """The next delivery, verified; None if none came that is ours."""
        try:
            headers, body = self._came.get(timeout=PATIENCE)
            told: dict[str, Any] = Webhook(secret).verify(body, headers)
        except (Empty, WebhookVerificationError):
            return None
        return told


@contextmanager
def listener() -> Iterator[Listener]:
    """A receiver on a port of its own."""
    came: Queue[tuple[dict[str, str], bytes]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            came.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the tour is what people read."""

    server = ThreadingHTTPServer((str(HERE.network_address), 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Listener(f"http://{HERE.network_address}:{server.server_port}/", came)
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def subscribed(
    client: httpx2.Client, url: str, wanted: dict[str, list[str]]
) -> Iterator[dict[str, Any]]:
    """An endpoint at a receiver, for as long as this lasts: the demo leaves none behind."""
    made: dict[str, Any] = (
        client.post("/v1/endpoints", json={"url": url, **wanted}).raise_for_status().json()
    )
    try:
        yield made
    finally:
        client.delete(f"/v1/endpoints/{made['id']}")
