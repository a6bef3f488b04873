"""How is a projection made anew while it is being read?

The next generation is folded beside the live one, in parts, by whoever is free: the processes that
call `rebuild` (`onrecord rebuild`) and Celery workers, which call `build`. When all parts are at
their end it is folded on as one, and then a switch of one row makes it the live one: reads take the
generation in their own statement, so none sees a mixture and none waits. What is to be done next
follows from the rows alone, so anybody goes on where anybody was killed.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, Literal

from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from onrecord.projections.engine import parts
from onrecord.projections.engine.catch_up import step
from onrecord.projections.engine.projection import (
    Held,
    Projection,
    advance,
    checkpoints,
    end,
    ensure,
    live,
    lock,
)

Progress = Callable[[int, int], None]
"""Told the entries folded so far, of how many."""
Turn = Literal["worked", "others", "nothing"]
"""What there was to do: something that was done, only what others are at, or nothing at all."""
MOST: Final = 10_000
"""Rows that a turn removes."""
PAUSE: Final = 0.05
"""Seconds until one who waits for what others are at looks again."""


def rebuild(engine: Engine, projection: Projection, progress: Progress) -> int:
    """Have the next generation built and made live; answers its number.

    Joins in where one is being built already. Raises `Stopped` at an event that cannot be folded;
    what was built stays, and the next call goes on from there.
    """
    with engine.begin() as conn:
        generation = _next(conn, projection)
    while (turn := build(engine, projection)) != "nothing":
        with engine.begin() as conn:
            done, of = far(conn, projection, generation)
        progress(done, of)
        if turn == "others":
            time.sleep(PAUSE)
    return generation


def build(engine: Engine, projection: Projection) -> Turn:
    """Do one turn of what there is to do for the next generation: fold a page of a part, or of the
    whole; switch; remove what is no longer read.
    """
    with engine.begin() as conn:
        generation, old = _standing(conn, projection)
        left, below = parts.left(conn, projection, generation or 0)
    if generation is None:
        if not old:
            return "nothing"
        with engine.begin() as conn:
            went = _clear(conn, projection, keep=live(conn, projection)[0])
        return "worked" if went else "others"
    if left:
        return "others" if step(engine, projection, parts.take, parts.move) is None else "worked"
    done = step(engine, projection, partial(_take_whole, generation, below))
    if done is None:
        return "others"
    if done.went == 0:
        _switch(engine, projection, generation)
    return "worked"


def _take_whole(
    generation: int, below: int, conn: Connection, projection: Projection
) -> Held | None:
    """The generation itself, whose parts have all been folded below a seq."""
    held = lock(conn, projection, generation)
    if held and held.size < below:
        advance(conn, projection, held, below)
        return replace(held, size=below, stopped=None)
    return held


def far(conn: Connection, projection: Projection, generation: int) -> tuple[int, int]:
    """How many entries a generation has folded, of how many."""
    size = conn.execute(
        select(checkpoints.c.size).where(
            checkpoints.c.name == projection.name, checkpoints.c.generation == generation
        )
    ).scalar()
    return max(size or 0, parts.done(conn, projection, generation)), end(conn, projection)


def _next(conn: Connection, projection: Projection) -> int:
    """The generation to build: one that was begun with this fold, or a new one."""
    ensure(conn, projection)
    table = checkpoints.c
    current: int = conn.execute(  # held, so that two who begin at once begin one
        select(table.generation)
        .where(table.name == projection.name, table.live)
        .with_for_update(key_share=True)
    ).scalar_one()
    begun, _ = _standing(conn, projection)
    if begun is not None:
        return begun
    _discard(conn, projection, current)
    row = {"name": projection.name, "generation": current + 1, "fold": projection.number}
    conn.execute(insert(checkpoints).values(**row, size=0, live=False))
    parts.split(conn, projection, current + 1, end(conn, projection))
    return current + 1


def _standing(conn: Connection, projection: Projection) -> tuple[int | None, bool]:
    """The generation that is being built with this program's fold; is there one to be removed?"""
    table = checkpoints.c
    found = conn.execute(
        select(table.generation, table.fold, table.live).where(table.name == projection.name)
    ).all()
    current = next((one.generation for one in found if one.live), 0)
    building = (
        one.generation
        for one in found
        if one.generation > current and one.fold == projection.number
    )
    return next(building, None), any(one.generation < current for one in found)


def _switch(engine: Engine, projection: Projection, generation: int) -> bool:
    """Make a generation live, unless the live one is ahead of it."""
    table = checkpoints.c
    of_it = table.name == projection.name
    with engine.begin() as conn:
        places = conn.execute(
            select(table.generation, table.size, table.live)
            .where(of_it)
            .with_for_update(key_share=True)
        ).all()
        old = next(one for one in places if one.live)
        new = next((one for one in places if one.generation == generation), None)
        if new is None or new.live or new.size < old.size:
            return False
        parts.forget(conn, projection, generation)
        conn.execute(update(checkpoints).where(of_it, table.live).values(live=False))
        conn.execute(
            update(checkpoints).where(of_it, table.generation == generation).values(live=True)
        )
        return True


def _clear(conn: Connection, projection: Projection, *, keep: int) -> bool:
    """Remove some rows of a generation before one, and with the last of them its checkpoint.

    Not all at once: whoever does it has other things to do. False where others are at it, or read
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
    for one in projection.tables:
        some = text(_SOME.format(table=one.fullname))
        if conn.execute(some, {"old": old, "most": MOST}).rowcount:
            return True
    conn.execute(delete(checkpoints).where(table.name == projection.name, table.generation == old))
    return True


_SOME: Final = """
DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {table} WHERE generation = :old LIMIT :most
))
"""


def _discard(conn: Connection, projection: Projection, current: int) -> None:
    """Remove what was begun with another fold. First its places: waits for whoever is at one."""
    table = checkpoints.c
    of_it = table.name == projection.name, table.generation > current
    for (generation,) in conn.execute(select(table.generation).where(*of_it)).all():
        parts.forget(conn, projection, generation)
    conn.execute(delete(checkpoints).where(*of_it))
    for one in projection.tables:
        conn.execute(delete(one).where(one.c.generation > current))
