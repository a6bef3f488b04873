"""Parts of a rebuild: the ledger split by subject, so that several processes fold it at once.

Each part has all entries about its things, and a checkpoint of its own. Whichever process is free
locks the part that is furthest behind, folds a page and commits: nothing is handed out, and nothing
is left to give back when a process is killed. Used by `rebuild`, `tasks` and `status`.
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

from onrecord.ledger.follow import LedgerPart
from onrecord.projections.engine.checkpoints import (
    LockedCheckpoint,
    checkpoints,
    clear_stop,
    foldable_size,
)
from onrecord.projections.engine.projection import PAGE, Projection, metadata

PARTS: Final = 4
"""So many that two or three processes always find a free part. Each part more reads past all
entries of the others once more."""
PACE_EXPIRES: Final = text("interval '10 seconds'")
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
"""The checkpoint of each part of a generation being built; `since_*`: where its pace begins."""


def create_parts(conn: Connection, projection: Projection, generation: int, until: int) -> None:
    """Have a generation folded in parts below seq `until`."""
    count = PARTS if projection.splittable else 1
    rows = [
        {"name": projection.name, "generation": generation, "part": number, "until": until}
        for number in range(count)
    ]
    conn.execute(insert(parts), rows)


def lock_part(conn: Connection, projection: Projection) -> LockedCheckpoint | None:
    """Lock the part that is furthest behind, of those with entries left that nobody has locked."""
    row = conn.execute(
        select(parts, checkpoints.c.stopped_seq)
        .join(checkpoints, checkpoints.c.name == parts.c.name)
        .where(
            parts.c.name == projection.name,
            parts.c.generation == checkpoints.c.generation,
            checkpoints.c.fold == projection.fold_number,
            parts.c.size < parts.c.until,
        )
        .order_by(parts.c.size, parts.c.part)
        .limit(1)
        .with_for_update(skip_locked=True, of=parts)
    ).one_or_none()
    if row is None:
        return None
    count = _count(conn, projection, row.generation)
    # about every `count`-th entry is in the part
    end = min(row.until, row.size + PAGE * count, foldable_size(conn, projection))
    part = LedgerPart(row.part, count)
    return LockedCheckpoint(row.generation, row.size, end, row.stopped_seq, part)


def advance_part(
    conn: Connection, projection: Projection, locked: LockedCheckpoint, size: int
) -> None:
    """Move the checkpoint of a locked part, in the transaction of its effects."""
    assert locked.part
    table = parts.c
    stale = table.moved_at < func.now() - PACE_EXPIRES
    conn.execute(
        update(parts)
        .where(*_of(projection, locked.generation), table.part == locked.part.number)
        .values(
            size=size,
            moved_at=func.clock_timestamp(),
            since_at=case((stale, func.now()), else_=table.since_at),
            since_size=case((stale, table.size), else_=table.since_size),
        )
    )
    if locked.stopped_seq is not None and locked.size <= locked.stopped_seq < size:
        clear_stop(conn, projection, locked.generation)


def open_parts(conn: Connection, projection: Projection, generation: int) -> tuple[int, int]:
    """How many parts have entries left, and below which seq all parts are folded."""
    row = conn.execute(
        select(
            func.count().filter(parts.c.size < parts.c.until),
            func.coalesce(func.max(parts.c.until), 0),
        ).where(*_of(projection, generation))
    ).one()
    return row[0], row[1]


def useful_helpers(conn: Connection) -> int:
    """How many workers could help with rebuilds now: one a part, or one where all are folded."""
    with_entries_left = func.count(parts.c.part).filter(parts.c.size < parts.c.until)
    table = checkpoints.c
    rows = conn.execute(
        select(with_entries_left)
        .select_from(checkpoints)
        .outerjoin(parts, (parts.c.name == table.name) & (parts.c.generation == table.generation))
        .where(~table.live)
        .group_by(table.name, table.generation)
    )
    return sum(max(1, count) for (count,) in rows)


def mean_size(conn: Connection, projection: Projection, generation: int) -> int:
    """How many entries the parts have folded, those that they share counted once."""
    mean = func.coalesce(func.avg(parts.c.size), 0)
    return int(conn.execute(select(mean).where(*_of(projection, generation))).scalar_one())


def delete_parts(conn: Connection, projection: Projection, generation: int) -> None:
    """Remove a generation's parts; waits for whoever has locked one."""
    conn.execute(delete(parts).where(*_of(projection, generation)))


def _count(conn: Connection, projection: Projection, generation: int) -> int:
    count = select(func.count()).select_from(parts).where(*_of(projection, generation))
    return conn.execute(count).scalar_one()


def _of(projection: Projection, generation: int) -> tuple[ColumnElement[bool], ...]:
    return parts.c.name == projection.name, parts.c.generation == generation
