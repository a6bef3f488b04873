"""Webhook receiver of the demo: a small HTTP server that verifies what it receives.

Verification is that of `onrecord.client`, as any receiver may use it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Network
from queue import Empty, Queue
from typing import Any, Final

from onrecord.client import Client, endpoints
from onrecord.client.webhooks import CloudEvent, InvalidWebhook, verify_webhook
from onrecord.kit.networks import AllowedNetwork
from onrecord.webhooks.api.requests import EndpointIn
from onrecord.webhooks.api.responses import EndpointMade

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

    def next_event(self, secret: str) -> CloudEvent | None:
        """The next delivery, verified; None if none came in time, or it is not signed by us."""
        try:
            headers, body = self._requests.get(timeout=TIMEOUT_SECONDS)
            return verify_webhook(body, headers, secret)
        except (Empty, InvalidWebhook):
            return None


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
def demo_endpoint(client: Client, wanted: EndpointIn) -> Iterator[EndpointMade]:
    """An endpoint, deleted at the end."""
    endpoint = client.send(endpoints.create_endpoint(wanted))
    try:
        yield endpoint
    finally:
        client.send(endpoints.delete_endpoint(endpoint.id))
