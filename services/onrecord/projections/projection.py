"""What is a projection, and how is its checkpoint taken and moved?

A follower with a name, tables and a fold. Its checkpoint (a size) moves in the same transaction as
the rows that its fold writes, so each entry takes effect exactly once, whatever is killed and when.
Called by `catch_up`, `rebuild`, `tasks` and the audit's replay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from onrecord.domain.events import Recorded

PAGE: Final = 500
"""Entries folded in one transaction."""

metadata = MetaData(schema="projections")

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("name", Text, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("fold", Integer, nullable=False),
    Column("size", BigInteger, nullable=False, server_default=text("0")),
    Column("live", Boolean, nullable=False),
    Column("moved_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("checkpoints_one_live", "name", unique=True, postgresql_where=text("live")),
)
"""Where each generation of each projection is. Reads take the live one in their own statement."""


@dataclass(frozen=True)
class Projection:
    """One question: `tables` hold the answer, `fold` writes it, `number` rises when it changes."""

    name: str
    number: int
    tables: tuple[Table, ...]
    fold: Callable[[Connection, int, Sequence[Recorded]], None]
    """Takes a connection in a transaction, the generation to write, and entries in order."""


class FoldChanged(Exception):
    """The table was written by a fold of another number; `onrecord rebuild NAME` makes it anew."""

    def __init__(self, projection: Projection, found: int) -> None:
        super().__init__(
            f"projection {projection.name!r} was built by fold {found}, this program has fold "
            f"{projection.number}: run `onrecord rebuild {projection.name}`"
        )


def ensure(conn: Connection, projection: Projection) -> None:
    """Give a new projection its first, live generation at size 0."""
    conn.execute(
        insert(checkpoints)
        .values(name=projection.name, generation=1, fold=projection.number, size=0, live=True)
        .on_conflict_do_nothing()
    )


def live(conn: Connection, projection: Projection) -> tuple[int, int]:
    """The live generation and its checkpoint."""
    row = conn.execute(
        select(checkpoints.c.generation, checkpoints.c.size).where(
            checkpoints.c.name == projection.name, checkpoints.c.live
        )
    ).one()
    return row.generation, row.size


def lock(
    conn: Connection, projection: Projection, generation: int | None = None
) -> tuple[int, int] | None:
    """Take a generation (the live one without a number) for this transaction.

    Answers (generation, checkpoint), or None if another worker has it. Raises `FoldChanged`.
    """
    which = checkpoints.c.live if generation is None else checkpoints.c.generation == generation
    row = conn.execute(
        select(checkpoints.c.generation, checkpoints.c.size, checkpoints.c.fold)
        .where(checkpoints.c.name == projection.name, which)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    if row.fold != projection.number:
        raise FoldChanged(projection, row.fold)
    return row.generation, row.size


def advance(conn: Connection, projection: Projection, generation: int, size: int) -> None:
    """Move the checkpoint of a locked generation, in the transaction of its effects."""
    conn.execute(
        update(checkpoints)
        .where(checkpoints.c.name == projection.name, checkpoints.c.generation == generation)
        .values(size=size, moved_at=func.clock_timestamp())
    )
