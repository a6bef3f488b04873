"""Tables and sequences of onrecord as the database's catalog lists them, and the ledger's root.

Used by `dump` and `restoration`. Nothing is named here, so a table that a migration adds is backed
up from then on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, UndefinedTable

from onrecord.backup.errors import MigratorNeeded
from onrecord.backup.manifest import SequenceState, TableName
from onrecord.kit.sql import db
from onrecord.kit.sql.sql_files import load_query
from onrecord.ledger.merkle import Frontier

_TABLES: Final = db.compiled(load_query("backup/queries/tables.sql"))
_SEQUENCES: Final = db.compiled(load_query("backup/queries/sequences.sql"))
_HEAD: Final = db.compiled(load_query("backup/queries/head.sql"))
_LEAF_HASHES: Final = db.compiled(load_query("backup/queries/leaf_hashes.sql"))
_ROWS_AT_ONCE: Final = 10_000
_SETTINGS: Final = {
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "synchronize_seqscans": "off",
}


@contextmanager
def open_connection(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit that shows values independently of the server's settings."""
    with db.connect(url, **_SETTINGS) as conn:
        conn.execute("SET client_encoding = 'UTF8'")
        yield conn


def become_owner(conn: psycopg.Connection[Any]) -> None:
    """Take the role that owns all tables, until the transaction ends. Raises `MigratorNeeded`."""
    try:
        conn.execute("SET LOCAL ROLE onrecord_migrator")
    except InsufficientPrivilege:
        raise MigratorNeeded from None


def revision_of(conn: psycopg.Connection[Any]) -> str | None:
    """The revision of the schema; None if there is no schema. Not in the role of the owner."""
    try:
        row = conn.execute("SELECT version_num FROM onrecord.alembic_version").fetchone()
    except UndefinedTable:
        return None
    except InsufficientPrivilege:
        raise MigratorNeeded from None
    return None if row is None else row[0]


def tables_of(conn: psycopg.Connection[Any]) -> list[TableName]:
    """All tables, each after those that it refers to."""
    tables: dict[str, TableName] = {}
    order: TopologicalSorter[str] = TopologicalSorter()
    for schema_name, name, columns, refers_to in conn.execute(_TABLES):
        table = TableName(schema_name=schema_name, name=name, columns=tuple(columns))
        tables[str(table)] = table
        order.add(str(table), *refers_to)
    return [tables[name] for name in order.static_order()]


def sequences_of(conn: psycopg.Connection[Any]) -> list[SequenceState]:
    """All sequences with their values, which are newer than the snapshot of a transaction."""
    states = []
    for schema_name, name in conn.execute(_SEQUENCES).fetchall():
        query = sql.SQL("SELECT last_value, is_called FROM {}")
        row = conn.execute(query.format(sql.Identifier(schema_name, name))).fetchone()
        assert row
        states.append(
            SequenceState(schema_name=schema_name, name=name, last_value=row[0], is_called=row[1])
        )
    return states


def lock_tables(
    conn: psycopg.Connection[Any], tables: list[TableName], mode: LiteralString
) -> None:
    """Lock tables until the transaction ends. Takes no snapshot."""
    names = sql.SQL(", ").join(map(table_sql, tables))
    conn.execute("SET LOCAL lock_timeout = '10s'")
    conn.execute(sql.SQL("LOCK TABLE {} IN {} MODE").format(names, sql.SQL(mode)))


def table_sql(table: TableName) -> sql.Identifier:
    return sql.Identifier(table.schema_name, table.name)


def columns_sql(table: TableName) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, table.columns))


def count_rows(conn: psycopg.Connection[Any], table: TableName) -> int:
    row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(table_sql(table))).fetchone()
    assert row
    count: int = row[0]
    return count


def has_rows(conn: psycopg.Connection[Any], table: TableName) -> bool:
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(table_sql(table))
    return conn.execute(query).fetchone() == (True,)


def committed_head(conn: psycopg.Connection[Any]) -> tuple[int, bytes]:
    """Size and root of the ledger, as its newest commit has them."""
    row = conn.execute(_HEAD).fetchone()
    return (0, Frontier().root()) if row is None else (row[0], bytes(row[1]))


def computed_head(conn: psycopg.Connection[Any]) -> tuple[int, bytes]:
    """Size and root of the ledger, as its entries give them. Within a transaction only."""
    with conn.cursor("leaf_hashes") as cursor:  # on the server: the hashes need not fit in memory
        cursor.itersize = _ROWS_AT_ONCE
        frontier = Frontier().extended(bytes(row[0]) for row in cursor.execute(_LEAF_HASHES))
    return frontier.size, frontier.root()
