"""Queries in a pipeline of psycopg, under the lock of the ledger. Used by `lookup`."""

from collections.abc import Sequence
from typing import Any

from psycopg import Pipeline, RawCursor


def fetch_in_pipeline(
    cursor: RawCursor[Any], pipeline: Pipeline, sql: str, params: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """The rows of a query in a pipeline.

    Each ends with a sync. Without one (psycopg would only flush) PostgreSQL does not count the
    transaction as idle afterwards, and a frozen process would hold the lock for ever.
    """
    cursor.execute(sql, params, prepare=True, binary=True)
    pipeline.sync()
    return cursor.fetchall()
