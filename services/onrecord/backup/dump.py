"""The backup of a database into a file, as `onrecord backup` writes it.

All tables are read in one snapshot, while processes go on writing. A streaming replica will do.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import psycopg
from psycopg import IsolationLevel, sql

from onrecord.backup.archive import ArchiveWriter
from onrecord.backup.catalog import (
    become_owner,
    columns_sql,
    committed_head,
    computed_head,
    count_rows,
    lock_tables,
    open_connection,
    revision_of,
    sequences_of,
    table_sql,
    tables_of,
)
from onrecord.backup.errors import DamagedLedger, NothingToBackUp, SchemaChanged
from onrecord.backup.manifest import Manifest, TableName

RowProgress = Callable[[int, int], None]
"""Takes the number of rows done, and the number of all."""


def write_backup(url: str, archive: ArchiveWriter, progress: RowProgress) -> Manifest:
    """Add all tables of one moment to an archive, and the manifest.

    Raises `NothingToBackUp`, `SchemaChanged`, `DamagedLedger`, `MigratorNeeded` and OSError.
    """
    with open_connection(url) as conn:
        if revision_of(conn) is None:
            raise NothingToBackUp
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        tables = tables_of(conn)
        with conn.transaction():
            become_owner(conn)
            # Before the snapshot: a table that is rewritten after it would look empty in it.
            lock_tables(conn, tables, "ACCESS SHARE")
            conn.execute("SET LOCAL ROLE NONE")
            revision = revision_of(conn)
            become_owner(conn)
            if revision is None or tables_of(conn) != tables:
                raise SchemaChanged
            size, root = committed_head(conn)
            if computed_head(conn) != (size, root):
                raise DamagedLedger(f"The entries do not give the root of size {size}")
            made_at = datetime.now(UTC)
            rows = _Counter(sum(count_rows(conn, table) for table in tables), progress)
            manifest = Manifest(
                release=version("onrecord"),
                revision=revision,
                server=conn.info.parameter_status("server_version") or "",
                made_at=made_at,
                size=size,
                root_hash=root.hex(),
                tables=tuple(
                    archive.add_table(table, _rows(conn, table, rows)) for table in tables
                ),
                sequences=tuple(sequences_of(conn)),
            )
    archive.add_manifest(manifest)
    return manifest


class _Counter:
    """Counts rows, and tells the progress after each thousand of them."""

    def __init__(self, total: int, progress: RowProgress) -> None:
        self._done, self._total, self._progress = 0, total, progress
        progress(0, total)

    def add_row(self) -> None:
        self._done += 1
        if self._done % 1_000 == 0 or self._done == self._total:
            self._progress(self._done, self._total)


def _rows(conn: psycopg.Connection[Any], table: TableName, counter: _Counter) -> Iterator[bytes]:
    """The rows of a table in the text format of COPY."""
    # a query, as a partitioned table itself cannot be copied before PostgreSQL 18
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
        columns_sql(table), table_sql(table)
    )
    with conn.cursor() as cursor, cursor.copy(query) as copy:
        for row in copy:
            yield bytes(row)
            counter.add_row()
