"""PGMQ transport of Celery that creates no triggers while it runs.

kombu's own drops and creates the trigger that notifies of messages whenever a process declares or
consumes a queue. Two workers that start at once then fail. Here the queues and their triggers are
created once, with the schema (`create_queues`). Used by `kit.celery` and `kit.processes`.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from kombu.transport import pgmq
from pgmq.install import get_embedded_install_sql, install_pgmq_sql

from onrecord.kit.sql.db import RECONNECT_SECONDS


class ListeningChannel(pgmq.Channel):
    """PGMQ channel that leaves triggers as they are, and listens to the queues it consumes from.

    kombu listens to those it sends to as well, and never reads these notifications.
    """

    def _maybe_enable_notify(self, queue: str, queue_name: str | None = None) -> None:
        if queue_name is None:  # called by `basic_consume`
            connection: Any = self.connection  # a virtual transport, which has no types
            connection._register_notify_queue(self._queue_name(queue))


class ListeningTransport(pgmq.Transport):
    """PGMQ transport with such channels, which soon reaches a database that was away for long."""

    Channel = ListeningChannel

    def _create_pgmq_client(self) -> Any:
        client: Any = super()._create_pgmq_client()
        client.pool.reconnect_timeout = RECONNECT_SECONDS
        return client


def create_queues(conn: psycopg.Connection[Any], queues: Sequence[str]) -> None:
    """Install PGMQ's SQL, and create the queues with notifications, where they are missing."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('onrecord.queues', 0))")
        if conn.execute("SELECT FROM pg_namespace WHERE nspname = 'pgmq'").fetchone() is None:
            install_pgmq_sql(get_embedded_install_sql(), conn=conn)
        conn.execute("SELECT pgmq.create(name) FROM unnest(%s::text[]) AS name", [list(queues)])
        conn.execute(
            """
            SELECT pgmq.enable_notify_insert(name, 0) FROM unnest(%s::text[]) AS name
            WHERE NOT EXISTS (
                SELECT FROM pg_trigger
                WHERE tgrelid = to_regclass('pgmq.q_' || name)
                    AND tgname = 'trigger_notify_queue_insert_listeners'
            )
            """,
            [list(queues)],
        )
