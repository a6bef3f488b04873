"""A receiver of webhooks, on the standard library and `onrecord.client`.

    ONRECORD_SECRET=whsec_... python receiver.py 9000

It verifies each delivery, answers at once, and prints each change of a position once.
"""

import os
import sys
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

from onrecord.client.webhooks import CloudEvent, InvalidWebhook, verify_webhook

# Several secrets, divided by blanks, while one is rotated.
SECRETS = os.environ["ONRECORD_SECRET"].split()
MAX_BYTES = 1 << 20
REMEMBERED = 100_000

seen: OrderedDict[UUID, None] = OrderedDict()
"""Ids of the last events: one may be sent twice. A real receiver keeps them in its database."""


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_BYTES:
            self.close_connection = True
            self.answer(413)
            return
        body = self.rfile.read(length)
        try:
            event = verify_webhook(body, self.headers, SECRETS)
        except InvalidWebhook as error:
            print(f"refused: {error}", flush=True)
            self.answer(401)
            return
        if event.id not in seen:
            handle(event)
            seen[event.id] = None
            if len(seen) > REMEMBERED:
                seen.popitem(last=False)
        # Any 2xx ends the delivery, so it comes last: after a crash, the event is sent again.
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: `handle` prints."""


def handle(event: CloudEvent) -> None:
    """What is done with an event. More than some milliseconds of work belongs in a queue."""
    data = event.data
    if data.actor and data.topic and data.stance:
        before = f"{data.previous_stance} -> " if data.previous_stance else ""
        print(f"{data.actor.name} on {data.topic.label}: {before}{data.stance}", flush=True)
        print(f"  {data.link}", flush=True)
    else:
        print(f"{event.type} of {event.subject}", flush=True)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    print(f"listening on port {server.server_port}", flush=True)
    server.serve_forever()
