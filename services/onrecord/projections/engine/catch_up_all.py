"""How do projections keep abreast of the ledger, as long as little is new?

All in one transaction: every checkpoint is taken, what is new is read once, each projection folds
what it hears of it, and every checkpoint moves. Each by itself (`catch_up`) would look, lock and
commit as often as there are projections, for the same few entries. Called by the Celery task.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Engine

from onrecord.ledger import follow
from onrecord.ledger.follow import driver
from onrecord.ledger.read import SIZE
from onrecord.projections.engine.poison import told
from onrecord.projections.engine.projection import PAGE, Projection

LAPS: Final = 50
"""Most pages until each projection has its turn by itself, whose own laps are shorter and so sooner
level, and then what comes after them: of steady writing there might be no end otherwise.
"""

log = structlog.get_logger()


def keep_abreast(engine: Engine, projections: Sequence[Projection]) -> bool:
    """Fold what is new; False where each projection is to catch up by itself.

    So it is where one is far behind, stopped, of a fold with another number or held by another
    worker, and where anything fails: that transaction does nothing then, and the trouble is met
    again by the projection whose it is. Another worker that does the same ends it at once: that one
    will find this one's entries, for it looks once more *after* it let go.
    """
    asked = [[one.name for one in projections], [one.number for one in projections]]
    try:
        with engine.connect() as conn:
            for _ in range(LAPS):
                with conn.begin():
                    most, well = _look(conn, asked)
                if most == 0:
                    return True
                if most > PAGE or not well:
                    return False
                with conn.begin():
                    held = _hold(conn, asked)
                    if not held:
                        return True
                    if len(held) < len(projections):
                        return False
                    _fold(conn, projections, held)
    except Exception as error:
        log.warning("not folded at once, but each by itself", reason=told(error))
    return False


def _look(conn: Connection, asked: Sequence[Any]) -> tuple[int, bool]:
    """How many entries the last of them is behind, and whether those behind can be folded; asked
    without a lock.
    """
    row = driver(conn).execute(_LOOK, asked).fetchone()
    assert row
    return row[0], row[1]


def _hold(conn: Connection, asked: Sequence[Any]) -> dict[str, tuple[int, int]]:
    """Those that nobody has and that can be folded, for this transaction: (generation, size)."""
    return {name: (made, size) for name, made, size in driver(conn).execute(_HOLD, asked)}


_OURS: Final = "c.live AND (c.name, c.fold) IN (SELECT * FROM unnest(%b::text[], %b::int[]))"
_LOOK: Final = f"""
SELECT coalesce(max(s.size - c.size), 0), bool_and(c.fold = o.fold AND c.stopped_seq IS NULL)
FROM projections.checkpoints c JOIN unnest(%b::text[], %b::int[]) o (name, fold) USING (name),
    ({SIZE.text}) s
WHERE c.live AND c.size < s.size
"""
_HOLD: Final = f"""
SELECT c.name, c.generation, c.size FROM projections.checkpoints c
WHERE {_OURS} AND c.stopped_seq IS NULL FOR NO KEY UPDATE SKIP LOCKED
"""
"""As `projection.lock` takes one. Where two begin at the same moment, each may get some: then each
projection is left to itself.
"""
_MOVE: Final = """
UPDATE projections.checkpoints SET size = %(end)s, moved_at = clock_timestamp()
WHERE live AND name = ANY(%(names)b::text[]) AND size < %(end)s
"""


def _fold(
    conn: Connection, projections: Sequence[Projection], held: Mapping[str, tuple[int, int]]
) -> None:
    """Up to a page from the least checkpoint on; to each projection what it has not folded yet.

    One that reads another's rows (`after`) comes later than that one, so it finds them as far.
    """
    entries = follow.entries(conn, min(size for _, size in held.values()), PAGE)
    if not entries:
        return
    end, folded = entries[-1].seq + 1, set[str]()
    for one in projections:
        assert folded.issuperset(one.after), f"{one.name} reads what is not folded yet"
        generation, size = held[one.name]
        heard: Sequence[Any]
        if one.hears is None:
            heard = follow.commits(conn, size, end, None)
        else:
            heard = [each for each in entries if each.seq >= size and each.event.type in one.hears]
        if heard:
            one.fold(conn, generation, heard)
        folded.add(one.name)
    driver(conn).execute(_MOVE, {"end": end, "names": [*held]})
