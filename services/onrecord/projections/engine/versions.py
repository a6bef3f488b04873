"""Versioned tables: every version of a row, with the sizes of the ledger at which it was valid.

A row is visible at the sizes K with `open_seq < K <= close_seq`: entry `open_seq` inserted it, and
entry `close_seq` closed it (`NEVER`: none has yet). Used by the folds of positions, changes,
statements, actors and topics.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from onrecord.domain.event import Amendment, RecordedEvent
from onrecord.kit.sql.copy_in import copy_in
from onrecord.projections.engine.projection import fold_schema, fold_sql, psycopg_connection

NEVER: Final = 2**63 - 1


def version_columns(id_type: type[Text] | type[Uuid[UUID]]) -> list[Any]:
    """The columns of every versioned table: its key, and the events that opened and closed a row.

    `made_seq`: the entry that made the thing; its later versions keep it.
    """
    return [
        Column("generation", Integer, nullable=False),
        Column("id", id_type, nullable=False),
        Column("made_seq", BigInteger, nullable=False),
        Column("open_seq", BigInteger, nullable=False),
        Column("close_seq", BigInteger, nullable=False),
        Column("event", Uuid, nullable=False),
        Column("event_type", Text, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("recorded_by", Text, nullable=False),
        Column("by", Text),
        Column("reason", Text),
        Column("close_event", Uuid),
        Column("close_type", Text),
        Column("close_by", Text),
        Column("close_reason", Text),
        PrimaryKeyConstraint("generation", "id", "open_seq"),
    ]


def amendment_indexes(table: str, retraction: str) -> tuple[Index, Index]:
    """Indexes of the versions that a correction opened, and of those that a retraction closed."""
    return (
        Index(
            f"{table}_corrected",
            "generation",
            "open_seq",
            postgresql_where=text("open_seq > made_seq"),
        ),
        Index(
            f"{table}_retracted",
            "generation",
            "close_seq",
            postgresql_where=text(f"close_type = '{retraction}'"),
        ),
    )


def recorded_index(table: str) -> Index:
    """An index of block ranges by time of recording, for the schema `reporting`.

    Rows come in that order, so it is small, and costs next to nothing to keep.
    """
    return Index(
        f"{table}_recorded",
        "recorded_at",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 16, "autosummarize": "on"},
    )


class VersionedTable:
    """Collects the versions that a page of entries inserts and closes, and writes them at once."""

    def __init__(self, conn: Connection, table: Table, generation: int) -> None:
        self._conn, self._table, self._generation = conn, table, generation
        self._id_type = "uuid" if isinstance(table.c.id.type, Uuid) else "text"
        self._current: dict[Any, dict[str, Any]] = {}
        """Versions inserted on this page and current at its end."""
        self._closed_new: list[dict[str, Any]] = []
        """Versions inserted and closed on this page."""
        self._closed_old: dict[Any, dict[str, Any]] = {}
        """How this page closes the version that stood in the table before it."""
        self._made_seqs: dict[Any, int] = {}

    def load_made_seqs(self, ids: set[Any]) -> None:
        """Look up what made these things: a correction or a retraction keeps it."""
        if ids:
            rows = psycopg_connection(self._conn).execute(
                self._sql(_MADE_SEQS), {"generation": self._generation, "ids": list(ids)}
            )
            self.set_made_seqs(dict(rows))

    def set_made_seqs(self, made_seqs: Mapping[Any, int]) -> None:
        """As `load_made_seqs`, for a fold that has read them already."""
        self._made_seqs.update(made_seqs)

    def made_seq(self, id_: Any) -> int | None:
        """The seq that made a thing, as far as loaded or inserted."""
        return self._made_seqs.get(id_)

    def insert(self, id_: Any, recorded: RecordedEvent, row: Mapping[str, Any]) -> None:
        """Insert a new version of a thing, and close its current one, if any."""
        made_seq = self._made_seqs.get(id_)
        if made_seq is None:
            self._made_seqs[id_] = made_seq = recorded.seq
        else:
            self.close(id_, recorded)
        by, reason = _by_and_reason(recorded)
        self._current[id_] = {
            "generation": self._generation,
            "id": id_,
            "made_seq": made_seq,
            "open_seq": recorded.seq,
            "close_seq": NEVER,
            "event": recorded.id,
            "event_type": recorded.event.type,
            "recorded_at": recorded.recorded_at,
            "recorded_by": recorded.recorded_by,
            "by": by,
            "reason": reason,
            "close_event": None,
            "close_type": None,
            "close_by": None,
            "close_reason": None,
            **row,
        }

    def close(self, id_: Any, recorded: RecordedEvent) -> None:
        """Close the current version of a thing, if any."""
        row = self._current.pop(id_, None)
        if row is None and (id_ not in self._made_seqs or id_ in self._closed_old):
            return
        by, reason = _by_and_reason(recorded)
        closing = {
            "close_seq": recorded.seq,
            "close_event": recorded.id,
            "close_type": recorded.event.type,
            "close_by": by,
            "close_reason": reason,
        }
        if row is not None:
            self._closed_new.append({**row, **closing})
        else:
            self._closed_old[id_] = closing

    def flush(self) -> None:
        """Write what was collected."""
        wire = psycopg_connection(self._conn)
        if self._closed_old:
            closings = self._closed_old.values()
            params: dict[str, Any] = {"generation": self._generation, "ids": list(self._closed_old)}
            params |= {name: [closing[name] for closing in closings] for name in _CLOSING}
            wire.execute(self._sql(_CLOSE), params)
        rows = [*self._closed_new, *self._current.values()]
        copy_in(wire, self._table, fold_schema(self._conn), rows)
        for written in (self._closed_old, self._closed_new, self._current):
            written.clear()

    def _sql(self, sql: str) -> bytes:
        named = sql.format(table=self._table.fullname, id_type=self._id_type)
        return fold_sql(self._conn, named)


_MADE_SEQS: Final = """
SELECT id, min(made_seq) FROM {table}
WHERE generation = %(generation)s::integer AND id = ANY(%(ids)b::{id_type}[])
GROUP BY id
"""

_CLOSING: Final = ("close_seq", "close_event", "close_type", "close_by", "close_reason")
_CLOSE: Final = """
UPDATE {table} t SET close_seq = c.close_seq, close_event = c.close_event,
    close_type = c.close_type, close_by = c.close_by, close_reason = c.close_reason
FROM unnest(%(ids)b::{id_type}[], %(close_seq)b::bigint[], %(close_event)b::uuid[],
    %(close_type)b::text[], %(close_by)b::text[], %(close_reason)b::text[]
) AS c (id, close_seq, close_event, close_type, close_by, close_reason)
WHERE t.generation = %(generation)s::integer AND t.id = c.id
    AND t.close_seq = 9223372036854775807  -- NEVER
"""


def _by_and_reason(recorded: RecordedEvent) -> tuple[str | None, str | None]:
    event = recorded.event
    return (event.by, event.reason) if isinstance(event, Amendment) else (None, None)
