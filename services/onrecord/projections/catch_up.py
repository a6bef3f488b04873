"""How does a projection get from its checkpoint to the ledger's end?

Called by the Celery task, by `rebuild` and by tests. One transaction a page: lock the checkpoint,
read the next entries that it hears, fold them, move the checkpoint, commit. Killed at any moment,
it has done all of a page or nothing of it.
"""

from typing import Final

from sqlalchemy import Engine

from onrecord.projections.projection import (
    PAGE,
    Projection,
    advance,
    end,
    ensure,
    live,
    lock,
    page,
)

SETTINGS: Final = {"plan_cache_mode": "force_custom_plan", "synchronous_commit": "off"}
"""Of the connections that fold. To plan each page anew costs it little, and a plan kept from when a
table was small would read all of it when it is large. And none waits for its commit to be on disk:
rows and checkpoint are lost together, if at all, and are folded again from the ledger.
"""


def catch_up(engine: Engine, projection: Projection) -> int:
    """Fold the live generation as far as it may go; answers how many entries it went.

    Another worker's lock ends it at once: that worker will find this one's entries. For it looks
    once more *after* it let go, when an entry that it missed may have had its bell turned away.
    """
    came = 0
    while (way := step(engine, projection)) is not None:
        came += way
        if not behind(engine, projection):
            break
    return came


def step(engine: Engine, projection: Projection) -> int | None:
    """Fold one page, in one transaction; answers how many entries its checkpoint went, None if
    another worker is at it.
    """
    with engine.begin() as conn:
        held = lock(conn, projection)
        if held is None:
            return None
        generation, size = held
        found = page(conn, projection, size, end(conn, projection), PAGE)
        if found.heard:
            projection.fold(conn, generation, found.heard)
        if found.end > size:
            advance(conn, projection, generation, found.end)
    return max(0, found.end - size)


def behind(engine: Engine, projection: Projection) -> bool:
    """Are there entries past the live checkpoint that it may go to? Asked without its lock."""
    with engine.begin() as conn:
        return live(conn, projection)[1] < end(conn, projection)


def prepare(engine: Engine, projections: tuple[Projection, ...]) -> None:
    """Make sure that every projection has a live generation."""
    with engine.begin() as conn:
        for one in projections:
            ensure(conn, one)
