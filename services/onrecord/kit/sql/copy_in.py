"""Bulk insert of rows by COPY in binary format. Used by `projections.engine.versions`."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
import psycopg
from psycopg.types.json import set_json_dumps
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql


def copy_in(
    conn: psycopg.Connection[Any], table: Table, schema: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows that have a value for each column, except those that the database computes."""
    if not rows:
        return
    names, types = _columns(table)
    quoted = ", ".join(f'"{name}"' for name in names)
    statement = f'COPY "{schema}"."{table.name}" ({quoted}) FROM STDIN (FORMAT binary)'
    values = itemgetter(*names)
    with conn.cursor() as cursor:
        set_json_dumps(orjson.dumps, cursor)
        with cursor.copy(statement.encode()) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(values(row))


@lru_cache
def _columns(table: Table) -> tuple[list[str], list[str]]:
    """Names and PostgreSQL types of the columns that are written."""
    columns = [column for column in table.c if column.computed is None]
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # as all of its dialects
    return (
        [column.name for column in columns],
        [column.type.compile(dialect=dialect).lower() for column in columns],
    )
