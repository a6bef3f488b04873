"""What is a projection, and how is its checkpoint taken and moved?

A follower with a name, tables and a fold. Its checkpoint (a size) moves in the same transaction as
the rows that its fold writes, so each entry takes effect exactly once, whatever is killed and when.
Called by `abreast`, `catch_up`, `rebuild`, `tasks` and the audit's replay.
"""

from collections.abc import Callable, Sequence
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
    MetaData,
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

from onrecord.ledger import follow
from onrecord.ledger.follow import Part, driver
from onrecord.ledger.read import SIZE
from onrecord.projections.engine.poison import Stop

PAGE: Final = 2_000
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
    Column("stopped_seq", BigInteger),
    Column("stopped_event", Uuid),
    Column("stopped_type", Text),
    Column("stopped_error", Text),
    Column("stopped_since", DateTime(timezone=True)),
    Index("checkpoints_one_live", "name", unique=True, postgresql_where=text("live")),
)
"""Where each generation of each projection is. Reads take the live one in their own statement.
`stopped_*`: the event that its fold cannot take, at which it stands; see `poison`.
"""


@dataclass(frozen=True)
class Projection:
    """One question: `tables` hold the answer, `fold` writes it, `number` rises when it changes."""

    name: str
    number: int
    tables: tuple[Table, ...]
    fold: Callable[[Connection, int, Sequence[Any]], None]
    """Takes a connection in a transaction, the generation to write, and what it hears, in order."""
    hears: frozenset[str] | None
    """The types of events that are read for it, as `Recorded`; all others only move its checkpoint.
    None: no events, but the ledger's commits, as `follow.Commit`.
    """
    split: bool = True
    """Whether a rebuild may fold it in parts beside each other, all of a thing in one of them. Not
    so where what follows from an entry also depends on other things.
    """
    after: tuple[str, ...] = ()
    """Projections whose rows its fold reads. It is never folded beyond the least of their live
    checkpoints, so at an entry's seq it finds what they said at K = seq + 1, however far they are.
    """


def end(conn: Connection, projection: Projection) -> int:
    """How far a projection may be folded now: to the ledger's end, but behind those it reads.

    What they have there stays until the transaction ends, even where a rebuild takes its place.
    """
    size = follow.size(conn)
    return min(size, reached(conn, projection.after, hold=True)) if projection.after else size


def reached(conn: Connection, names: Sequence[str], *, hold: bool = False) -> int:
    """The least live checkpoint of some projections: how far one who reads their rows may go.

    For every follower that stands behind projections, also those of other schemas. `hold`: their
    live generations are not deleted before the transaction ends. One who asks for a live generation
    in the same statement as for its rows does without; it takes the right to UPDATE checkpoints.
    """
    found = select(checkpoints.c.size).where(checkpoints.c.live, checkpoints.c.name.in_(names))
    if hold:
        found = found.with_for_update(read=True, key_share=True)
    sizes = conn.execute(found).scalars().all()
    return min(sizes) if len(sizes) == len(names) else 0


def behind(conn: Connection) -> dict[str, int]:
    """Which live projections have entries before them, and how many? Asked without a lock."""
    late = (
        f"SELECT c.name, s.size - c.size FROM projections.checkpoints c, ({SIZE.text}) s"
        " WHERE c.live AND c.size < s.size"
    )
    return dict(driver(conn).execute(late).fetchall())


def schema(conn: Connection) -> str:
    """The schema of the projections' tables, for SQL text in folds: a replay has its own."""
    mapped: str = (
        conn.get_execution_options()
        .get("schema_translate_map", {})
        .get(metadata.schema, metadata.schema)
    )
    return mapped


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


@dataclass(frozen=True)
class Held:
    """A place that this transaction has, and nobody else: of a generation, or of a part of one."""

    generation: int
    size: int
    until: int
    """How far it may be folded now."""
    stopped: int | None
    """The seq at which it stood still when it was last tried."""
    part: Part | None = None
    """Which entries it is about; None: all."""
    row: int | None = None
    """The number of the part, where it is the place of one."""


def lock(conn: Connection, projection: Projection, generation: int | None = None) -> Held | None:
    """Take a generation (the live one without a number) for this transaction, if nobody has it.

    Raises `FoldChanged`.
    """
    table = checkpoints.c
    which = table.live if generation is None else table.generation == generation
    row = conn.execute(
        select(table.generation, table.size, table.fold, table.stopped_seq)
        .where(table.name == projection.name, which)
        .with_for_update(skip_locked=True, key_share=True)  # NO KEY: `reached` may hold on to it
    ).one_or_none()
    if row is None:
        return None
    if row.fold != projection.number:
        raise FoldChanged(projection, row.fold)
    return Held(row.generation, row.size, end(conn, projection), row.stopped_seq)


_WELL: Final = dict.fromkeys(
    ("stopped_seq", "stopped_event", "stopped_type", "stopped_error", "stopped_since")
)


def advance(conn: Connection, projection: Projection, held: Held, size: int) -> None:
    """Move the checkpoint of a generation that is held, in the transaction of its effects."""
    conn.execute(
        update(checkpoints)
        .where(checkpoints.c.name == projection.name, checkpoints.c.generation == held.generation)
        .values(size=size, moved_at=func.clock_timestamp())
    )
    if held.stopped is not None:
        mended(conn, projection, held.generation)


def mended(conn: Connection, projection: Projection, generation: int) -> None:
    """A generation stands at no event any more."""
    names = ("seq", "event", "type", "error", "since")
    conn.execute(
        update(checkpoints)
        .where(checkpoints.c.name == projection.name, checkpoints.c.generation == generation)
        .values(dict.fromkeys((f"stopped_{name}" for name in names), None))
    )


def stop(conn: Connection, projection: Projection, generation: int, found: Stop) -> bool:
    """Note the event at which a generation stands; answers whether that is news."""
    table = checkpoints.c
    noted = (
        update(checkpoints)
        .where(
            table.name == projection.name,
            table.generation == generation,
            or_(
                table.stopped_seq.is_distinct_from(found.seq),
                table.stopped_error.is_distinct_from(found.error),
            ),
        )
        .values(
            stopped_seq=found.seq,
            stopped_event=found.event,
            stopped_type=found.type,
            stopped_error=found.error,
            stopped_since=func.clock_timestamp(),
        )
        .returning(table.generation)
    )
    return conn.execute(noted).first() is not None
