"""Webhook receiver of the demo: a small HTTP server that verifies what it receives.

Verification is the receiver's half of Standard Webhooks, by that project's own library.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Network
from queue import Empty, Queue
from typing import Any, Final

import httpx2
from standardwebhooks import Webhook, WebhookVerificationError

from onrecord.kit.networks import AllowedNetwork

LOOPBACK: Final = IPv4Network("127.0.0.1/32")
TIMEOUT_SECONDS: Final = 20.0

ReceivedRequest = tuple[dict[str, str], bytes]
"""Headers, with names in lower case, and body."""


@dataclass
class DemoReceiver:
    """The requests that came, in order."""

    port: int
    _requests: Queue[ReceivedRequest] = field(default_factory=Queue)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK.network_address}:{self.port}/"

    @property
    def network(self) -> AllowedNetwork:
        """What a deliverer must be allowed to send to."""
        return AllowedNetwork(LOOPBACK, self.port)

    def next_event(self, secret: str) -> dict[str, Any] | None:
        """The next delivery, verified; None if none came in time, or it is not signed by us."""
        try:
            headers, body = self._requests.get(timeout=TIMEOUT_SECONDS)
            event: dict[str, Any] = Webhook(secret).verify(body, headers)
        except (Empty, WebhookVerificationError):
            return None
        return event


@contextmanager
def demo_receiver() -> Iterator[DemoReceiver]:
    """A receiver on a free port."""
    requests: Queue[ReceivedRequest] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            requests.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing, to keep the tour readable."""

    server = ThreadingHTTPServer((str(LOOPBACK.network_address), 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield DemoReceiver(server.server_port, requests)
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def demo_endpoint(
    client: httpx2.Client, url: str, filters: dict[str, list[str]]
) -> Iterator[dict[str, Any]]:
    """An endpoint at this URL, deleted at the end."""
    response = client.post("/v1/endpoints", json={"url": url, **filters}).raise_for_status()
    endpoint: dict[str, Any] = response.json()
    try:
        yield endpoint
    finally:
        client.delete(f"/v1/endpoints/{endpoint['id']}")
