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
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from onrecord.domain.events import Amendment, Recorded

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
        self._open: dict[Any, dict[str, Any]] = {}
        self._done: list[dict[str, Any]] = []
        self._closed: list[dict[str, Any]] = []
        self._made: dict[Any, int] = {}

    def know(self, ids: set[Any]) -> None:
        """Look up what made these things, so that amendments on this page keep their place."""
        table = self._table
        if ids:
            found = self._conn.execute(
                select(table.c.id, func.min(table.c.made_seq).label("made"))
                .where(
                    table.c.generation == self._generation,
                    table.c.id
                    == func.any(bindparam("ids", list(ids), type_=ARRAY(table.c.id.type))),
                )
                .group_by(table.c.id)
            )
            self.remember({row.id: row.made for row in found})

    def remember(self, made: Mapping[Any, int]) -> None:
        """What made these things is known to be this; as `know`, for who has looked already."""
        self._made.update(made)

    def made(self, id_: Any) -> int | None:
        """The seq that made a thing that is known."""
        return self._made.get(id_)

    def open(self, id_: Any, recorded: Recorded, row: Mapping[str, Any]) -> None:
        """A new version of a thing, instead of the one believed until now, if any."""
        self.close(id_, recorded)
        made = self._made.setdefault(id_, recorded.seq)
        self._open[id_] = {
            **dict.fromkeys(("close_event", "close_type", "close_by", "close_reason")),
            "generation": self._generation,
            "id": id_,
            "made_seq": made,
            "open_seq": recorded.seq,
            "close_seq": NEVER,
            "event": recorded.id,
            "event_type": recorded.event.type,
            "recorded_at": recorded.recorded_at,
            "recorded_by": recorded.recorded_by,
            **_why(recorded),
            **row,
        }

    def close(self, id_: Any, recorded: Recorded) -> None:
        """The version believed until now is believed no longer."""
        end = {
            "close_seq": recorded.seq,
            "close_event": recorded.id,
            "close_type": recorded.event.type,
            **{f"close_{name}": value for name, value in _why(recorded).items()},
        }
        if row := self._open.pop(id_, None):
            self._done.append({**row, **end})
        elif id_ in self._made:
            self._closed.append({"the_id": id_, **end})

    def flush(self) -> None:
        """Write it all."""
        table = self._table
        if self._closed:
            self._conn.execute(
                update(table).where(
                    table.c.generation == self._generation,
                    table.c.id == bindparam("the_id"),
                    table.c.close_seq == NEVER,
                ),
                self._closed,
            )
        if rows := [*self._done, *self._open.values()]:
            self._conn.execute(insert(table), rows)
        for written in (self._closed, self._done, self._open):
            written.clear()


def _why(recorded: Recorded) -> dict[str, str | None]:
    event = recorded.event
    if isinstance(event, Amendment):
        return {"by": event.by, "reason": event.reason}
    return {"by": None, "reason": None}
