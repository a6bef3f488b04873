"""The baseline of `webhooks`: a Celery task per delivery, as most senders of webhooks have it.

`python celery_side.py` is its worker. Each task reads its delivery, renders, signs and posts it on
a connection that is kept alive, and writes the result in one statement. Two prefork processes, for
the machine's two cores; the same broker, rendering and signing as ours.
"""

import os
from datetime import UTC, datetime
from typing import Any

import psycopg
import urllib3
from celery import Celery
from psycopg.rows import dict_row

from onrecord.kit import celery
from onrecord.kit.sql import db
from onrecord.webhooks import payload
from onrecord.webhooks.encryption import SecretCipher
from onrecord.webhooks.http.signing import signed_headers

TASK = "bench.deliver"
_READ = (
    "SELECT d.id, d.seq, d.event, d.endpoint, p.url, p.encrypted_secret FROM webhooks.deliveries d"
    " JOIN webhooks.endpoints p ON p.id = d.endpoint WHERE d.id = %s AND d.state = 'pending'"
)
_WRITE = (
    "WITH done AS (UPDATE webhooks.deliveries SET state = %(state)s, attempts = attempts + 1,"
    " ended_at = clock_timestamp() WHERE id = %(id)s RETURNING id, attempts)"
    " INSERT INTO webhooks.attempts (delivery, number, began_at, seconds, ok, status, answer)"
    " SELECT id, attempts, %(began)s, %(seconds)s, %(ok)s, %(status)s, %(answer)s FROM done"
)
_EVENTS = db.compiled(payload.EVENTS)


def deliverer(url: str) -> Any:
    """A function that makes one delivery, with connections that are kept per process."""
    connections: dict[str, Any] = {}
    cipher = SecretCipher([os.environ["ONRECORD_SECRETS_KEY"]])

    def deliver(id_: int) -> None:
        if not connections:
            connections["conn"] = psycopg.connect(
                db.conninfo(url, role="onrecord_webhooks"), autocommit=True, row_factory=dict_row
            )
            connections["http"] = urllib3.PoolManager()
        conn, http = connections["conn"], connections["http"]
        row = conn.execute(_READ, [id_], prepare=True, binary=True).fetchone()
        event = conn.execute(_EVENTS, {"seqs": [row["seq"]]}, prepare=True, binary=True).fetchone()
        body, began = payload.event_body(event, "http://127.0.0.1:8000"), datetime.now(UTC)
        secret = cipher.decrypt(row["endpoint"], row["encrypted_secret"])
        headers = signed_headers([secret], id=str(row["event"]), at=began, body=body)
        headers["Content-Type"] = payload.MEDIA_TYPE
        response = http.request(
            "POST", row["url"], body=body, headers=headers, timeout=15, redirect=False
        )
        ok = 200 <= response.status < 300
        result = {
            "id": id_,
            "state": "delivered" if ok else "failed",
            "began": began,
            "seconds": (datetime.now(UTC) - began).total_seconds(),
            "ok": ok,
            "status": response.status,
            "answer": response.data[:1024],
        }
        conn.execute(_WRITE, result, prepare=True)

    return deliver


def worker_app(url: str, broker: str) -> Celery:
    app = celery.create_celery(broker)
    app.conf.worker_prefetch_multiplier = 16
    app.task(name=TASK)(deliverer(url))
    return app


def main() -> None:
    app = worker_app(os.environ["ONRECORD_DATABASE_URL"], os.environ["ONRECORD_BROKER_URL"])
    app.worker_main(
        [
            "worker",
            f"--queues={celery.QUEUE}",
            "--concurrency=2",
            "--loglevel=WARNING",
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]
    )


if __name__ == "__main__":
    main()
