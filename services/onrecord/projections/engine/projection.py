"""The definition of a projection, and what every fold needs from its connection.

Used by each projection's module, and by the engine that folds them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, MetaData, Table

PAGE: Final = 2_000
"""Entries folded in one transaction."""

metadata = MetaData(schema="projections")


@dataclass(frozen=True)
class Projection:
    """A read model: `tables` hold it, `fold` writes it from events."""

    name: str
    fold_number: int
    """Raised when the meaning of `fold` changes. Tables that another number built are not folded
    on until they are rebuilt.
    """
    tables: tuple[Table, ...]
    fold: Callable[[Connection, int, Sequence[Any]], None]
    """Takes a connection in a transaction, the generation to write, and a page in order."""
    event_types: frozenset[str] | None
    """The types of events that `fold` takes, as `RecordedEvent`. All others only move the
    checkpoint. None: `fold` takes the commits of the ledger instead, as `CommitSpan`.
    """
    splittable: bool = True
    """Whether a rebuild may fold parts of the ledger beside each other, all events about a thing in
    one part. Not where a row depends on several things.
    """
    reads_from: tuple[str, ...] = ()
    """Projections whose rows `fold` reads. It is never folded beyond the least of their live
    checkpoints, so at an entry it finds what they said at K = seq + 1, however far they are.
    """


def psycopg_connection(conn: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection under a SQLAlchemy connection, in the same transaction.

    Folds send SQL text by it: SQLAlchemy's statements took 7 of 16 ms that a small page took. A
    transaction is begun here if there is none: of one that psycopg began, SQLAlchemy would not
    know, and commit nothing.
    """
    if not conn.in_transaction():
        conn.begin()
    wire = conn.connection.driver_connection
    assert isinstance(wire, psycopg.Connection)
    return wire


def fold_schema(conn: Connection) -> str:
    """The schema of the tables that a fold reads and writes: `projections`, or a replay's own.

    The SQL of folds names its tables as `projections.steps`, so that it can be pasted into psql,
    and goes through `fold_sql`, since a replay folds into temporary tables.
    """
    translations: dict[str, str] = conn.get_execution_options().get("schema_translate_map", {})
    return translations.get("projections", "projections")


def fold_sql(conn: Connection, sql: str) -> bytes:
    """SQL over tables of `projections`, over those of `fold_schema` instead."""
    return sql.replace("projections.", f"{fold_schema(conn)}.").encode()
