"""What does a Celery task per delivery do? The way that most senders of webhooks go.

The baseline of `webhooks`: `python celery_side.py` is its worker. Each task reads its delivery,
renders, signs, posts on a connection that is kept, and writes what came of it in one statement.
Two prefork processes, for the machine's two cores; the same broker, rendering and signing as ours.
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
from onrecord.webhooks.http.signing import signed

TASK = "bench.deliver"
_READ = (
    "SELECT d.id, d.seq, d.event, p.url, p.secret FROM webhooks.deliveries d"
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
    """A function that makes one delivery, with a connection of each kind of its own process."""
    kept: dict[str, Any] = {}

    def deliver(id_: int) -> None:
        if not kept:
            kept["conn"] = psycopg.connect(
                db.conninfo(url, role="onrecord_webhooks"), autocommit=True, row_factory=dict_row
            )
            kept["http"] = urllib3.PoolManager()
        conn, http = kept["conn"], kept["http"]
        row = conn.execute(_READ, [id_], prepare=True, binary=True).fetchone()
        event = conn.execute(_EVENTS, {"seqs": [row["seq"]]}, prepare=True, binary=True).fetchone()
        body, began = payload.body(event), datetime.now(UTC)
        headers = signed([row["secret"]], id=str(row["event"]), at=began, body=body)
        headers["Content-Type"] = payload.MEDIA_TYPE
        answer = http.request(
            "POST", row["url"], body=body, headers=headers, timeout=15, redirect=False
        )
        ok = 200 <= answer.status < 300
        told = {
            "id": id_,
            "state": "delivered" if ok else "failed",
            "began": began,
            "seconds": (datetime.now(UTC) - began).total_seconds(),
            "ok": ok,
            "status": answer.status,
            "answer": answer.data[:1024],
        }
        conn.execute(_WRITE, told, prepare=True)

    return deliver


def app(url: str, broker: str) -> Celery:
    made = celery.create_celery(broker)
    made.conf.worker_prefetch_multiplier = 16
    made.task(name=TASK)(deliverer(url))
    return made


def main() -> None:
    made = app(os.environ["ONRECORD_DATABASE_URL"], os.environ["ONRECORD_BROKER_URL"])
    made.worker_main(
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
