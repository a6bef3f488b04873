"""How is a rebuild split, so that several processes do it at once?

The ledger below a size is folded in parts, each of whose things no other part knows, and each with
a checkpoint of its own. Whoever is free takes the part that is furthest behind, for one page, in
one transaction: there is nothing to hand out, and nothing to give back when a process is killed.
Called by `rebuild`; told by `status`.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Table,
    Text,
    case,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from onrecord.ledger.follow import Part
from onrecord.projections.engine.projection import (
    PAGE,
    Held,
    Projection,
    checkpoints,
    end,
    mended,
    metadata,
)

PARTS: Final = 4
"""Two or three processes always find one that is free; each more has every entry skipped again."""
FORGOTTEN: Final = text("interval '10 seconds'")
"""After so long without a page, a part's pace is measured anew."""

parts = Table(
    "parts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("size", BigInteger, nullable=False, server_default=text("0")),
    Column("until", BigInteger, nullable=False),
    Column("moved_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("since_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("since_size", BigInteger, nullable=False, server_default=text("0")),
)
"""Where each part of a generation being built is; `since_*`: from where its pace is told."""


def split(conn: Connection, projection: Projection, generation: int, until: int) -> None:
    """Have a generation folded in parts below seq `until`."""
    count = PARTS if projection.split else 1
    rows = [
        {"name": projection.name, "generation": generation, "part": n, "until": until}
        for n in range(count)
    ]
    conn.execute(insert(parts), rows)


def take(conn: Connection, projection: Projection) -> Held | None:
    """The part that is furthest behind, of those that have entries left and that nobody is at."""
    row = conn.execute(
        select(parts, checkpoints.c.stopped_seq)
        .join(checkpoints, checkpoints.c.name == parts.c.name)
        .where(
            parts.c.name == projection.name,
            parts.c.generation == checkpoints.c.generation,
            checkpoints.c.fold == projection.number,
            parts.c.size < parts.c.until,
        )
        .order_by(parts.c.size, parts.c.part)
        .limit(1)
        .with_for_update(skip_locked=True, of=parts)
    ).one_or_none()
    if row is None:
        return None
    of = _count(conn, projection, row.generation)
    part = Part(row.part, of) if projection.split else None
    conn.execution_options(part=part)
    # a part hears about every `of`-th of what stands there
    until = min(row.until, row.size + PAGE * of, end(conn, projection))
    return Held(row.generation, row.size, until, row.stopped_seq, part, row.part)


def move(conn: Connection, projection: Projection, held: Held, size: int) -> None:
    """Move the checkpoint of a part that was taken, in the transaction of its effects."""
    table = parts.c
    stale = table.moved_at < func.now() - FORGOTTEN
    conn.execute(
        update(parts)
        .where(*_of(projection, held.generation), table.part == held.row)
        .values(
            size=size,
            moved_at=func.clock_timestamp(),
            since_at=case((stale, func.now()), else_=table.since_at),
            since_size=case((stale, table.size), else_=table.since_size),
        )
    )
    if held.stopped is not None and held.size <= held.stopped < size:
        mended(conn, projection, held.generation)


def _count(conn: Connection, projection: Projection, generation: int) -> int:
    count = select(func.count()).select_from(parts).where(*_of(projection, generation))
    return conn.execute(count).scalar_one()


def left(conn: Connection, projection: Projection, generation: int) -> tuple[int, int]:
    """How many parts have entries left; and below which seq they all fold."""
    row = conn.execute(
        select(
            func.count().filter(parts.c.size < parts.c.until),
            func.coalesce(func.max(parts.c.until), 0),
        ).where(*_of(projection, generation))
    ).one()
    return row[0], row[1]


def to_build(conn: Connection) -> int:
    """How many workers could help with rebuilds now: one a part, and one where all are folded."""
    open_ = func.count(parts.c.part).filter(parts.c.size < parts.c.until)
    of = checkpoints.c
    found = conn.execute(
        select(open_)
        .select_from(checkpoints)
        .outerjoin(parts, (parts.c.name == of.name) & (parts.c.generation == of.generation))
        .where(~of.live)
        .group_by(of.name, of.generation)
    )
    return sum(max(1, count) for (count,) in found)


def done(conn: Connection, projection: Projection, generation: int) -> int:
    """How many entries the parts have folded, those that they share counted once."""
    mean = func.coalesce(func.avg(parts.c.size), 0)
    return int(conn.execute(select(mean).where(*_of(projection, generation))).scalar_one())


def forget(conn: Connection, projection: Projection, generation: int) -> None:
    """Remove a generation's parts; waits for whoever is at one."""
    conn.execute(delete(parts).where(*_of(projection, generation)))


def _of(projection: Projection, generation: int) -> tuple[ColumnElement[bool], ...]:
    return parts.c.name == projection.name, parts.c.generation == generation
