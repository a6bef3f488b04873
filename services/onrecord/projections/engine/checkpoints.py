"""Checkpoints: up to which size each generation of a projection is folded.

A checkpoint moves in the transaction of the rows that are folded, so each entry takes effect
exactly once, wherever a process is killed. Used by `catch_up_all`, `catch_up` and `rebuild`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from onrecord.ledger import read
from onrecord.ledger.follow import LedgerPart
from onrecord.projections.engine.poison import PoisonedEvent
from onrecord.projections.engine.projection import PAGE, Projection, metadata, psycopg_connection

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("name", Text, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("fold", Integer, nullable=False),
    Column("size", BigInteger, nullable=False, server_default=text("0")),
    Column("live", Boolean, nullable=False),
    Column("moved_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("stopped_seq", BigInteger),
    Column("stopped_event", Uuid),
    Column("stopped_type", Text),
    Column("stopped_error", Text),
    Column("stopped_since", DateTime(timezone=True)),
    Index("checkpoints_one_live", "name", unique=True, postgresql_where=text("live")),
)
"""One row a generation. `stopped_*`: the event that its fold cannot take (see `poison`)."""


class FoldChanged(Exception):
    """The tables were built by a fold of another number, so they are not folded on."""

    def __init__(self, projection: Projection, built_by: int) -> None:
        super().__init__(
            f"projection {projection.name!r} was built by fold {built_by}, this program has fold"
            f" {projection.fold_number}: run `onrecord rebuild {projection.name}`"
        )


@dataclass(frozen=True)
class LockedCheckpoint:
    """A checkpoint, of a generation or of a part of one, that this transaction has locked."""

    generation: int
    size: int
    end: int
    """Where its next page ends; not beyond `size` where there is none."""
    stopped_seq: int | None
    part: LedgerPart | None = None
    """None: the checkpoint of the generation itself."""


def ensure_checkpoints(conn: Connection, projections: Iterable[Projection]) -> None:
    """Give each new projection its first, live generation at size 0."""
    for projection in projections:
        values = {"name": projection.name, "generation": 1, "fold": projection.fold_number}
        conn.execute(
            insert(checkpoints).values(**values, size=0, live=True).on_conflict_do_nothing()
        )


def live_checkpoint(conn: Connection, projection: Projection) -> tuple[int, int]:
    """The live generation and its size."""
    row = conn.execute(
        select(checkpoints.c.generation, checkpoints.c.size).where(
            checkpoints.c.name == projection.name, checkpoints.c.live
        )
    ).one()
    return row.generation, row.size


def least_checkpoint(conn: Connection, names: Sequence[str]) -> int:
    """The least live checkpoint of some projections: how far a fold may go that reads their rows.

    Their live generations are not deleted before this transaction ends, even where a rebuild takes
    their place. The lock (KEY SHARE) lets others move these checkpoints.
    """
    sizes = (
        conn.execute(
            select(checkpoints.c.size)
            .where(checkpoints.c.live, checkpoints.c.name.in_(names))
            .with_for_update(read=True, key_share=True)
        )
        .scalars()
        .all()
    )
    return min(sizes) if len(sizes) == len(names) else 0


def foldable_size(conn: Connection, projection: Projection) -> int:
    """How far a projection may be folded now: to the ledger's end, behind those that it reads."""
    size = read.ledger_size(psycopg_connection(conn))
    names = projection.reads_from
    return min(size, least_checkpoint(conn, names)) if names else size


def lock_checkpoint(
    conn: Connection, projection: Projection, generation: int | None = None
) -> LockedCheckpoint | None:
    """Lock the checkpoint of a generation (the live one without a number); None if it is locked.

    Raises `FoldChanged`.
    """
    table = checkpoints.c
    row = conn.execute(
        select(table.generation, table.size, table.fold, table.stopped_seq)
        .where(
            table.name == projection.name,
            table.live if generation is None else table.generation == generation,
        )
        .with_for_update(skip_locked=True, key_share=True)
    ).one_or_none()
    if row is None:
        return None
    if row.fold != projection.fold_number:
        raise FoldChanged(projection, row.fold)
    page = PAGE if row.stopped_seq is None else 1  # the event where it stopped is tried alone
    end = min(row.size + page, foldable_size(conn, projection))
    return LockedCheckpoint(row.generation, row.size, end, row.stopped_seq)


def advance_checkpoint(
    conn: Connection, projection: Projection, locked: LockedCheckpoint, size: int
) -> None:
    """Move a locked checkpoint, in the transaction of its effects."""
    conn.execute(
        update(checkpoints)
        .where(*_is(projection, locked.generation))
        .values(size=size, moved_at=func.clock_timestamp())
    )
    if locked.stopped_seq is not None:
        clear_stop(conn, projection, locked.generation)


def note_stop(
    conn: Connection, projection: Projection, generation: int, poisoned: PoisonedEvent
) -> bool:
    """Store the event at which a generation stopped; returns whether the stored stop changed."""
    table = checkpoints.c
    changed = or_(
        table.stopped_seq.is_distinct_from(poisoned.seq),
        table.stopped_error.is_distinct_from(poisoned.error),
    )
    noted = (
        update(checkpoints)
        .where(*_is(projection, generation), changed)
        .values(
            stopped_seq=poisoned.seq,
            stopped_event=poisoned.event,
            stopped_type=poisoned.type,
            stopped_error=poisoned.error,
            stopped_since=func.clock_timestamp(),
        )
        .returning(table.generation)
    )
    return conn.execute(noted).first() is not None


def clear_stop(conn: Connection, projection: Projection, generation: int) -> None:
    """Delete the stop that is stored for a generation."""
    conn.execute(
        update(checkpoints).where(*_is(projection, generation)).values(dict.fromkeys(_STOP))
    )


_STOP: Final = ("stopped_seq", "stopped_event", "stopped_type", "stopped_error", "stopped_since")


def _is(projection: Projection, generation: int) -> tuple[Any, ...]:
    return checkpoints.c.name == projection.name, checkpoints.c.generation == generation
