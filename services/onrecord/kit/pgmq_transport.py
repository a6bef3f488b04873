"""PGMQ transport of Celery that creates no queues and no triggers while it runs.

kombu's own creates a queue, and drops and creates the trigger that notifies of messages, whenever a
process declares or consumes a queue. Two workers that start at once then fail, and each would need
the right to create tables. Here the queues and their triggers are created once, with the schema
(`create_queues`), and `onrecord_login` may use them: PGMQ's client passes no role on. Used by
`kit.celery` and `kit.processes`.
"""

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from kombu.transport import pgmq
from pgmq.install import get_embedded_install_sql, install_pgmq_sql
from psycopg import sql

from onrecord.kit.sql.db import RECONNECT_SECONDS


class ListeningChannel(pgmq.Channel):
    """PGMQ channel that leaves triggers as they are, and listens to the queues it consumes from.

    kombu listens to those it sends to as well, and never reads these notifications.
    """

    def _new_queue(self, queue: str, **kwargs: Any) -> None:
        """Create nothing: `create_queues` has."""

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


def has_queues(conn: psycopg.Connection[Any], queues: Sequence[str]) -> bool:
    """Whether `create_queues` has run in this database."""
    row = conn.execute(_EXISTING, {"tables": [f"q_{queue}" for queue in queues]}).fetchone()
    return row is not None and row[0] == len(queues)


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
        conn.execute(_SHARED_GRANTS)
        for queue in queues:
            table = sql.Identifier("pgmq", f"q_{queue}")
            numbers = sql.Identifier("pgmq", f"q_{queue}_msg_id_seq")
            conn.execute(_QUEUE_GRANTS.format(table=table, numbers=numbers))


_EXISTING: Final = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'pgmq' AND c.relname = ANY (%(tables)s)
    AND has_table_privilege('onrecord_login', c.oid, 'DELETE')
"""
# The trigger of each queue writes into `notify_insert_throttle`.
_SHARED_GRANTS: Final = """
GRANT USAGE ON SCHEMA pgmq TO onrecord_login;
GRANT SELECT ON pgmq.meta TO onrecord_login;
GRANT SELECT, UPDATE ON pgmq.notify_insert_throttle TO onrecord_login;
"""
# Its metrics, which kombu reads when a worker starts, read the sequence.
_QUEUE_GRANTS: Final = sql.SQL("""
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO onrecord_login;
GRANT SELECT ON SEQUENCE {numbers} TO onrecord_login;
""")
