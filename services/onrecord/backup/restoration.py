"""The restoration of a backup into an empty database, as `onrecord restore` does it.

All or nothing, in one transaction, which ends only if the entries give the root of the backup.
"""

from typing import Any, Final

import psycopg
from psycopg import sql

from onrecord.backup.archive import Archive
from onrecord.backup.catalog import (
    become_owner,
    columns_sql,
    computed_head,
    has_rows,
    lock_tables,
    open_connection,
    revision_of,
    table_sql,
    tables_of,
)
from onrecord.backup.dump import RowProgress
from onrecord.backup.errors import DamagedBackup, NewerBackup, TargetNotEmpty
from onrecord.backup.manifest import TableName
from onrecord.kit.sql import migrations

SEEDED: Final = frozenset({"webhooks.checkpoints", "webhooks.installation"})
"""Tables in which migrations put rows, which those of the backup replace."""


def check_archive(archive: Archive, progress: RowProgress) -> None:
    """Read the whole file and compare its digests. Raises `DamagedBackup`."""
    done = 0
    for copied in archive.manifest.tables:
        for chunk in archive.rows_of(copied):
            done += chunk.count(b"\n")
            progress(done, archive.manifest.rows)


def restore_backup(url: str, archive: Archive, progress: RowProgress) -> None:
    """Fill an empty database, whose schema is created as it was at the backup.

    Raises `NewerBackup`, `TargetNotEmpty`, `DamagedBackup` and `MigratorNeeded`.
    """
    manifest = archive.manifest
    if manifest.revision not in migrations.known_revisions():
        raise NewerBackup(manifest.revision, manifest.release)
    with open_connection(url) as conn:
        revision = revision_of(conn)
        if revision is None:
            migrations.upgrade(url, revision=manifest.revision)
        with conn.transaction():
            become_owner(conn)
            tables = tables_of(conn)
            _require_empty(conn, tables)  # before the lock, for which processes would have to wait
            lock_tables(conn, tables, "ACCESS EXCLUSIVE")
            _require_empty(conn, tables)
            if revision not in (None, manifest.revision):
                raise TargetNotEmpty(f"has the schema {revision!r}, not {manifest.revision!r}")
            try:
                _fill(conn, tables, archive, progress)
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                table = error.diag.table_name or "a table"
                raise DamagedBackup(archive.path, f"has rows that {table} refuses") from None
            if computed_head(conn) != (manifest.size, bytes.fromhex(manifest.root_hash)):
                raise DamagedBackup(archive.path, "has entries that do not give its root hash")
        conn.execute("ANALYZE")


def _require_empty(conn: psycopg.Connection[Any], tables: list[TableName]) -> None:
    """Raise `TargetNotEmpty` if a table has a row that no migration put there."""
    for table in tables:
        if str(table) not in SEEDED and has_rows(conn, table):
            raise TargetNotEmpty(f"has rows in {table}")


def _fill(
    conn: psycopg.Connection[Any],
    tables: list[TableName],
    archive: Archive,
    progress: RowProgress,
) -> None:
    """Insert the rows of all tables, and set the sequences."""
    copies = {str(copied.table): copied for copied in archive.manifest.tables}
    if {name: set(copied.table.columns) for name, copied in copies.items()} != {
        str(table): set(table.columns) for table in tables
    }:
        raise DamagedBackup(archive.path, "has other tables than its schema")
    done = 0
    for table in tables:  # in their order here, as the file's is of its author's choice
        if str(table) in SEEDED:
            conn.execute(sql.SQL("DELETE FROM {}").format(table_sql(table)))
        copied = copies[str(table)]
        query = sql.SQL("COPY {} ({}) FROM STDIN").format(
            table_sql(table), columns_sql(copied.table)
        )
        with conn.cursor() as cursor, cursor.copy(query) as copy:
            for chunk in archive.rows_of(copied):
                copy.write(chunk)
                done += chunk.count(b"\n")
                progress(done, archive.manifest.rows)
    for sequence in archive.manifest.sequences:
        name = sql.Identifier(sequence.schema_name, sequence.name).as_string(conn)
        conn.execute(
            "SELECT setval(%s::regclass, %s, %s)", [name, sequence.last_value, sequence.is_called]
        )
