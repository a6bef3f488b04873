"""How does a table keep every version of a row, each with the sizes at which it was believed?

A row is believed at the sizes K with `open_seq < K <= close_seq`: it came with entry `open_seq` and
went with entry `close_seq` (`NEVER`: not yet). Shared by the folds of positions, statements,
actors and topics.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)

from onrecord.domain.event import Amendment, RecordedEvent
from onrecord.kit.sql.copy_in import copy_in
from onrecord.ledger.follow import driver
from onrecord.projections.engine.projection import schema

NEVER: Final = 2**63 - 1


def columns(id_type: type[Text] | type[Uuid[UUID]]) -> list[Any]:
    """What every version says of itself: its place, and the events that opened and closed it."""
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


class Versions:
    """Collects what a page of entries opens and closes, and writes it at once."""

    def __init__(self, conn: Connection, table: Table, generation: int) -> None:
        self._conn, self._table, self._generation = conn, table, generation
        self._named = f'"{schema(conn)}"."{table.name}"'
        self._of = "uuid" if isinstance(table.c.id.type, Uuid) else "text"
        self._open: dict[Any, dict[str, Any]] = {}
        self._done: list[dict[str, Any]] = []
        self._closed: dict[Any, dict[str, Any]] = {}
        """The end of what stood in the table already; what came after that end has its own."""
        self._made: dict[Any, int] = {}

    def know(self, ids: set[Any]) -> None:
        """Look up what made these things, so that amendments on this page keep their place."""
        if ids:
            found = driver(self._conn).execute(
                f"SELECT id, min(made_seq) FROM {self._named}"
                f" WHERE generation = %s::integer AND id = ANY(%b::{self._of}[]) GROUP BY id",
                [self._generation, list(ids)],
            )
            self.remember(dict(found))

    def remember(self, made: Mapping[Any, int]) -> None:
        """What made these things is known to be this; as `know`, for who has looked already."""
        self._made.update(made)

    def made(self, id_: Any) -> int | None:
        """The seq that made a thing that is known."""
        return self._made.get(id_)

    def open(self, id_: Any, recorded: RecordedEvent, row: Mapping[str, Any]) -> None:
        """A new version of a thing, instead of the one believed until now, if any."""
        made = self._made.get(id_)
        if made is None:
            self._made[id_] = made = recorded.seq
        else:
            self.close(id_, recorded)
        by, reason = _why(recorded)
        self._open[id_] = {
            "generation": self._generation,
            "id": id_,
            "made_seq": made,
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
        """The version believed until now is believed no longer."""
        row = self._open.pop(id_, None)
        if row is None and (id_ not in self._made or id_ in self._closed):
            return
        by, reason = _why(recorded)
        end = {
            "close_seq": recorded.seq,
            "close_event": recorded.id,
            "close_type": recorded.event.type,
            "close_by": by,
            "close_reason": reason,
        }
        if row is not None:
            self._done.append({**row, **end})
        else:
            self._closed[id_] = end

    def flush(self) -> None:
        """Write it all."""
        conn = driver(self._conn)
        if self._closed:
            ends = self._closed.values()
            conn.execute(
                _CLOSE.format(table=self._named, of=self._of),
                {
                    "generation": self._generation,
                    "id": list(self._closed),
                    **{name: [one[name] for one in ends] for name in _ENDS},
                },
            )
        rows = [*self._done, *self._open.values()]
        copy_in(conn, self._table, schema(self._conn), rows)
        for written in (self._closed, self._done, self._open):
            written.clear()


_ENDS: Final = ("close_seq", "close_event", "close_type", "close_by", "close_reason")
_CLOSE: Final = """
UPDATE {table} t SET close_seq = c.close_seq, close_event = c.close_event,
    close_type = c.close_type, close_by = c.close_by, close_reason = c.close_reason
FROM unnest(%(id)b::{of}[], %(close_seq)b::bigint[], %(close_event)b::uuid[],
    %(close_type)b::text[], %(close_by)b::text[], %(close_reason)b::text[]
) AS c (id, close_seq, close_event, close_type, close_by, close_reason)
WHERE t.generation = %(generation)s::integer AND t.id = c.id AND t.close_seq = 9223372036854775807
"""


def _why(recorded: RecordedEvent) -> tuple[str | None, str | None]:
    event = recorded.event
    return (event.by, event.reason) if isinstance(event, Amendment) else (None, None)
