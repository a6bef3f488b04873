"""Rebuilding a projection while it is being read.

The next generation is folded beside the live one, in parts, by whichever processes are free: those
of `onrecord rebuild`, which call `rebuild_projection`, and Celery workers, which call `build`. When
all parts are folded, the generation is folded on as a whole, and then a switch of one row makes it
live: a read selects the live generation in its own statement, so it never mixes two and never
waits. The next step of a rebuild follows from the rows alone, so any process continues where
another was killed.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final, Literal

from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from onrecord.projections.engine import rebuild_parts
from onrecord.projections.engine.catch_up import fold_next_page
from onrecord.projections.engine.checkpoints import (
    LockedCheckpoint,
    advance_checkpoint,
    checkpoints,
    ensure_checkpoints,
    foldable_size,
    live_checkpoint,
    lock_checkpoint,
)
from onrecord.projections.engine.projection import Projection

RebuildProgress = Callable[[int, int], None]
"""Takes the entries folded so far, and of how many."""
BuildTurn = Literal["worked", "locked", "nothing"]
"""Result of a turn: it did some work, all work left is locked by others, or none is left."""
MAX_DELETED: Final = 10_000
"""Rows that a turn removes."""
PAUSE: Final = 0.05
"""Seconds until a process that waits for others looks again."""


def rebuild_projection(engine: Engine, projection: Projection, progress: RebuildProgress) -> int:
    """Have the next generation built and made live; answers its number.

    Joins in where it is being built already. Raises `ProjectionStopped` at an event that cannot be
    folded; what was built stays, and the next call goes on from there.
    """
    with engine.begin() as conn:
        generation = begin_generation(conn, projection)
    while (turn := build(engine, projection)) != "nothing":
        with engine.begin() as conn:
            folded, of = _built(conn, projection, generation)
        progress(folded, of)
        if turn == "locked":
            time.sleep(PAUSE)
    return generation


def begin_generation(conn: Connection, projection: Projection) -> int:
    """The generation to build: one that was begun with this fold, or a new one."""
    ensure_checkpoints(conn, [projection])
    table = checkpoints.c
    current: int = conn.execute(  # locked, so that two who begin at once begin one generation
        select(table.generation)
        .where(table.name == projection.name, table.live)
        .with_for_update(key_share=True)
    ).scalar_one()
    begun, _ = _generations(conn, projection)
    if begun is not None:
        return begun
    _discard_begun(conn, projection, current)
    row = {"name": projection.name, "generation": current + 1, "fold": projection.fold_number}
    conn.execute(insert(checkpoints).values(**row, size=0, live=False))
    size = foldable_size(conn, projection)
    rebuild_parts.create_parts(conn, projection, current + 1, size)
    return current + 1


def build(engine: Engine, projection: Projection) -> BuildTurn:
    """Do one turn for the next generation: fold a page of a part, or of the whole; switch; or
    remove what is no longer read.
    """
    with engine.begin() as conn:
        generation, has_old = _generations(conn, projection)
        open_parts, below = rebuild_parts.open_parts(conn, projection, generation or 0)
    if generation is None:
        if not has_old:
            return "nothing"
        with engine.begin() as conn:
            deleted = _delete_old(conn, projection, keep=live_checkpoint(conn, projection)[0])
        return "worked" if deleted else "locked"
    if open_parts:
        lock, advance = rebuild_parts.lock_part, rebuild_parts.advance_part
        return "locked" if fold_next_page(engine, projection, lock, advance) is None else "worked"
    folded = fold_next_page(engine, projection, partial(_lock_whole, generation, below))
    if folded is None:
        return "locked"
    if folded == 0:
        _switch(engine, projection, generation)
    return "worked"


def _lock_whole(
    generation: int, below: int, conn: Connection, projection: Projection
) -> LockedCheckpoint | None:
    """The checkpoint of the generation, whose parts have all been folded below a seq."""
    locked = lock_checkpoint(conn, projection, generation)
    if locked and locked.size < below:
        advance_checkpoint(conn, projection, locked, below)
        return lock_checkpoint(conn, projection, generation)
    return locked


def _built(conn: Connection, projection: Projection, generation: int) -> tuple[int, int]:
    """How many entries a generation has folded, of how many."""
    size = conn.execute(
        select(checkpoints.c.size).where(
            checkpoints.c.name == projection.name, checkpoints.c.generation == generation
        )
    ).scalar()
    in_parts = rebuild_parts.mean_size(conn, projection, generation)
    return max(size or 0, in_parts), foldable_size(conn, projection)


def _generations(conn: Connection, projection: Projection) -> tuple[int | None, bool]:
    """The generation being built with this program's fold; whether there is one to be removed."""
    table = checkpoints.c
    rows = conn.execute(
        select(table.generation, table.fold, table.live).where(table.name == projection.name)
    ).all()
    current = next((row.generation for row in rows if row.live), 0)
    building = (
        row.generation
        for row in rows
        if row.generation > current and row.fold == projection.fold_number
    )
    return next(building, None), any(row.generation < current for row in rows)


def _switch(engine: Engine, projection: Projection, generation: int) -> None:
    """Make a generation live, unless the live one is ahead of it."""
    table = checkpoints.c
    of_it = table.name == projection.name
    with engine.begin() as conn:
        rows = conn.execute(
            select(table.generation, table.size, table.live)
            .where(of_it)
            .with_for_update(key_share=True)
        ).all()
        old = next(row for row in rows if row.live)
        new = next((row for row in rows if row.generation == generation), None)
        if new is None or new.live or new.size < old.size:
            return
        rebuild_parts.delete_parts(conn, projection, generation)
        conn.execute(update(checkpoints).where(of_it, table.live).values(live=False))
        conn.execute(
            update(checkpoints).where(of_it, table.generation == generation).values(live=True)
        )


def _delete_old(conn: Connection, projection: Projection, *, keep: int) -> bool:
    """Remove some rows of a generation before `keep`, and with the last its checkpoint.

    Not all at once: the worker has other things to do. False where others have locked it, or read
    it still.
    """
    table = checkpoints.c
    old = conn.execute(
        select(table.generation)
        .where(table.name == projection.name, table.generation < keep)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).scalar()
    if old is None:
        return False
    for rows in projection.tables:
        some_rows = text(_DELETE_SOME.format(table=rows.fullname))
        if conn.execute(some_rows, {"old": old, "most": MAX_DELETED}).rowcount:
            return True
    conn.execute(delete(checkpoints).where(table.name == projection.name, table.generation == old))
    return True


_DELETE_SOME: Final = """
DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {table} WHERE generation = :old LIMIT :most
))
"""


def _discard_begun(conn: Connection, projection: Projection, current: int) -> None:
    """Remove a generation that was begun with another fold number. Its parts first: their deletion
    waits for any process that has locked one."""
    table = checkpoints.c
    of_it = table.name == projection.name, table.generation > current
    for (generation,) in conn.execute(select(table.generation).where(*of_it)).all():
        rebuild_parts.delete_parts(conn, projection, generation)
    conn.execute(delete(checkpoints).where(*of_it))
    for rows in projection.tables:
        conn.execute(delete(rows).where(rows.c.generation > current))
