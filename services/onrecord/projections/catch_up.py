"""How does a projection get from its checkpoint to the ledger's end?

Called by the Celery task, by `rebuild` and by tests. One transaction a page: lock the checkpoint,
read the next entries, fold them, move the checkpoint, commit. Killed at any moment, it has done all
of a page or nothing of it.
"""

from typing import Final

from sqlalchemy import Engine

from onrecord.ledger import follow
from onrecord.projections.projection import (
    PAGE,
    Projection,
    advance,
    ensure,
    live,
    lock,
)

SETTINGS: Final = {"plan_cache_mode": "force_custom_plan"}
"""Of the connections that fold. To plan each page anew costs it little, and a plan kept from when a
table was small would read all of it when it is large.
"""


def catch_up(engine: Engine, projection: Projection) -> int:
    """Fold the live generation up to the ledger's end; answers how many entries were folded.

    Another worker's lock ends it at once: that worker will find this one's entries. For it looks
    once more *after* it let go, when an entry that it missed may have had its bell turned away.
    """
    folded = 0
    while (length := step(engine, projection)) is not None:
        folded += length
        if length < PAGE and not behind(engine, projection):
            break
    return folded


def step(engine: Engine, projection: Projection) -> int | None:
    """Fold one page, in one transaction; answers its length, None if another worker is at it."""
    with engine.begin() as conn:
        held = lock(conn, projection)
        if held is None:
            return None
        generation, size = held
        page = follow.page(conn, size, PAGE)
        if page:
            projection.fold(conn, generation, page)
            advance(conn, projection, generation, page[-1].seq + 1)
    return len(page)


def behind(engine: Engine, projection: Projection) -> bool:
    """Are there entries past the live checkpoint? Asked without its lock."""
    with engine.begin() as conn:
        return live(conn, projection)[1] < follow.size(conn)


def prepare(engine: Engine, projections: tuple[Projection, ...]) -> None:
    """Make sure that every projection has a live generation."""
    with engine.begin() as conn:
        for one in projections:
            ensure(conn, one)
