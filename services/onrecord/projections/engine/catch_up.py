"""Folding the next page of one checkpoint, up to an event that cannot be folded.

Called by `catch_up_all` for unhealthy projections, and by `rebuild`. A page is one transaction: a
process that is killed has folded all of it or nothing.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, Engine

from onrecord.ledger.follow import WHOLE_LEDGER, read_identity
from onrecord.projections.engine.checkpoints import (
    LockedCheckpoint,
    advance_checkpoint,
    lock_checkpoint,
    note_stop,
)
from onrecord.projections.engine.page import fold_page
from onrecord.projections.engine.poison import (
    PoisonedEvent,
    ProjectionStopped,
    describe_error,
    is_poison,
)
from onrecord.projections.engine.projection import Projection, psycopg_connection

FOLDING_SETTINGS: Final = {
    # To plan each page anew costs it little; a plan made when a table was small would read all of
    # it when it is large.
    "plan_cache_mode": "force_custom_plan",
    # Nothing that a fold looks up comes twice: memoizing took a fifth of reading a page (measured).
    "enable_memoize": "off",
    # Rows and checkpoint are lost together, if at all, and folded again from the ledger.
    "synchronous_commit": "off",
}
"""Server settings of the connections that fold."""

LockNext = Callable[[Connection, Projection], LockedCheckpoint | None]
"""Locks a checkpoint for this transaction; None where there is none, or others have locked it."""
AdvanceLocked = Callable[[Connection, Projection, LockedCheckpoint, int], None]
"""Moves a locked checkpoint to a size, in the same transaction."""


def fold_next_page(
    engine: Engine,
    projection: Projection,
    lock: LockNext = lock_checkpoint,
    advance: AdvanceLocked = advance_checkpoint,
) -> int | None:
    """Fold a page in one transaction; answers how many entries, or None if nothing was locked.

    Raises `ProjectionStopped` at an event that cannot be folded: what comes before it is folded,
    and the checkpoint stands at it. Raises `FoldChanged`.
    """
    try:
        return _fold_whole_page(engine, projection, lock, advance)
    except Exception as error:
        if not is_poison(error):
            raise
    return _fold_up_to_poison(engine, projection, lock, advance)


def _fold_whole_page(
    engine: Engine, projection: Projection, lock: LockNext, advance: AdvanceLocked
) -> int | None:
    with engine.begin() as conn:
        locked = lock(conn, projection)
        if locked is None:
            return None
        if locked.end <= locked.size:
            return 0
        _fold(conn, projection, locked, locked.size, locked.end)
        advance(conn, projection, locked, locked.end)
        return locked.end - locked.size


def _fold_up_to_poison(
    engine: Engine, projection: Projection, lock: LockNext, advance: AdvanceLocked
) -> int | None:
    with engine.begin() as conn:
        locked = lock(conn, projection)
        if locked is None:
            return None
        if locked.end <= locked.size:
            return 0
        size, error = _fold_halves(conn, projection, locked, locked.size, locked.end)
        if size > locked.size:
            advance(conn, projection, locked, size)
        if error is None:
            return size - locked.size
        event, type_ = read_identity(psycopg_connection(conn), size)
        poisoned = PoisonedEvent(size, event, type_, describe_error(error))
        new = note_stop(conn, projection, locked.generation, poisoned)
    raise ProjectionStopped(projection.name, poisoned, new=new) from error


def _fold_halves(
    conn: Connection, projection: Projection, locked: LockedCheckpoint, start: int, end: int
) -> tuple[int, Exception | None]:
    """Fold entries `start` to `end` - 1, in halves where they fail; where it got to, and why."""
    try:
        with conn.begin_nested():
            _fold(conn, projection, locked, start, end)
        return end, None
    except Exception as error:
        if not is_poison(error):
            raise
        if end - start == 1:
            return start, error
    middle = (start + end) // 2
    size, met = _fold_halves(conn, projection, locked, start, middle)
    return (size, met) if met else _fold_halves(conn, projection, locked, middle, end)


def _fold(
    conn: Connection, projection: Projection, locked: LockedCheckpoint, start: int, end: int
) -> None:
    part = locked.part or WHOLE_LEDGER
    fold_page(conn, [(projection, locked.generation)], start, end, part=part)
