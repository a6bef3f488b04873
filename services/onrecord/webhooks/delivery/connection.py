"""The deliverer's connection to PostgreSQL."""

from typing import Any, Final

import psycopg
from psycopg.types.array import ListBinaryDumper

from onrecord.kit.sql.db import LOOKUPS

DelivererConnection = psycopg.AsyncConnection[Any]

# Everything is looked up through indexes and planned once, whatever the tables were like then:
# planning a claim takes four times as long as running it. A deliverer that freezes while it holds
# the lock is disconnected, so that others can claim.
SETTINGS: Final = {
    "plan_cache_mode": "force_generic_plan",
    **LOOKUPS,
    "idle_in_transaction_session_timeout": "2s",
    "lock_timeout": "10s",
    "statement_timeout": "30s",
    "tcp_user_timeout": "10s",
}


async def connect_deliverer(conninfo: str) -> DelivererConnection:
    """Connect in autocommit. Arrays are sent as binary, at half the cost of text."""
    conn = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
    conn.adapters.register_dumper(list, ListBinaryDumper)
    return conn
