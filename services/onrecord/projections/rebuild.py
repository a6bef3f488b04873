"""How is a projection made anew while it is being read?

The next generation is folded beside the live one, then a switch of one row makes it the live one:
reads take the generation in their own statement, so none sees a mixture and none waits. Called by
`onrecord rebuild`. Killed at any moment, the next call goes on from the generation's checkpoint.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from onrecord.projections.projection import (
    PAGE,
    Projection,
    advance,
    checkpoints,
    end,
    live,
    lock,
    page,
)

Progress = Callable[[int, int], None]
"""Told the entries folded so far and the ledger's size."""


class BeingRebuilt(Exception):
    """Another process is rebuilding this projection."""

    def __init__(self, projection: Projection) -> None:
        super().__init__(f"another process is rebuilding {projection.name!r}; let it finish")


def rebuild(engine: Engine, projection: Projection, progress: Progress) -> int:
    """Build the next generation and make it live; answers its number."""
    with _alone(engine, projection):
        with engine.begin() as conn:
            generation = _next(conn, projection)
        while True:
            size, whole = _fold(engine, projection, generation)
            progress(size, whole)
            if size == whole and _switch(engine, projection, generation):
                break
        with engine.begin() as conn:
            _clear(conn, projection, keep=generation)
    return generation


@contextmanager
def _alone(engine: Engine, projection: Projection) -> Iterator[None]:
    """Nobody else rebuilds this projection meanwhile; given back with the connection, however."""
    with engine.connect() as conn:
        key = func.hashtextextended(f"onrecord rebuild {projection.name}", 0)
        if not conn.execute(select(func.pg_try_advisory_lock(key))).scalar():
            raise BeingRebuilt(projection)
        conn.commit()
        try:
            yield
        finally:
            conn.invalidate()


def _next(conn: Connection, projection: Projection) -> int:
    """The generation to build: one that was begun with this fold, or a new one."""
    current, _ = live(conn, projection)
    table = checkpoints.c
    begun = conn.execute(
        select(table.generation).where(
            table.name == projection.name,
            table.generation > current,
            table.fold == projection.number,
        )
    ).scalar()
    if begun is not None:
        return int(begun)
    _clear(conn, projection, keep=current)
    conn.execute(
        insert(checkpoints).values(
            name=projection.name,
            generation=current + 1,
            fold=projection.number,
            size=0,
            live=False,
        )
    )
    return current + 1


def _fold(engine: Engine, projection: Projection, generation: int) -> tuple[int, int]:
    with engine.begin() as conn:
        held = lock(conn, projection, generation)
        if held is None:
            raise BeingRebuilt(projection)
        _, size = held
        whole = end(conn, projection)
        found = page(conn, projection, size, whole, PAGE)
        if found.heard:
            projection.fold(conn, generation, found.heard)
        if found.end > size:
            advance(conn, projection, generation, found.end)
        return found.end, whole


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
        new = next(one for one in places if one.generation == generation)
        if new.size < old.size:
            return False
        conn.execute(update(checkpoints).where(of_it, table.live).values(live=False))
        conn.execute(
            update(checkpoints).where(of_it, table.generation == generation).values(live=True)
        )
        return True


def _clear(conn: Connection, projection: Projection, *, keep: int) -> None:
    """Remove every generation but one. First its checkpoint, which waits for whoever holds it."""
    conn.execute(
        delete(checkpoints).where(
            checkpoints.c.name == projection.name, checkpoints.c.generation != keep
        )
    )
    for table in projection.tables:
        conn.execute(delete(table).where(table.c.generation != keep))
