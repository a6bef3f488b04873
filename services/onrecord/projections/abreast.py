"""How do projections keep abreast of the ledger, as long as little is new?

All in one transaction: every checkpoint is taken, what is new is read once, each projection folds
what it hears of it, and every checkpoint moves. Each by itself (`catch_up`) would look, lock and
commit as often as there are projections, for the same few entries. Called by the Celery task.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Connection, Engine

from onrecord.ledger import follow
from onrecord.ledger.follow import driver
from onrecord.projections.poison import told
from onrecord.projections.projection import PAGE, Projection, behind

log = structlog.get_logger()


class _Place(NamedTuple):
    """A live checkpoint that this transaction has."""

    generation: int
    size: int
    fold: int
    stopped: int | None


def keep_abreast(engine: Engine, projections: Sequence[Projection]) -> bool:
    """Fold what is new; False where each projection is to catch up by itself.

    So it is where one is far behind, stopped, of a fold with another number or held by another
    worker, and where anything fails: then nothing is folded, and the trouble is met again by the
    projection whose it is. Another worker that does the same ends it at once: that one will find
    this one's entries, for it looks once more *after* it let go.
    """
    names = [one.name for one in projections]
    with engine.connect() as conn:
        while True:
            with conn.begin():
                late = [by for name, by in behind(conn).items() if name in names]
            if not late:
                return True
            if max(late) > PAGE:
                return False
            try:
                with conn.begin():
                    held = _hold(conn, names)
                    if not held:
                        return True
                    if not all(_well(one, held.get(one.name)) for one in projections):
                        return False
                    _fold(conn, projections, held)
            except Exception as error:
                log.warning("not folded at once, but each by itself", reason=told(error))
                return False


def _hold(conn: Connection, names: list[str]) -> dict[str, _Place]:
    """The live checkpoints that nobody has, for this transaction, by the names of projections."""
    found = driver(conn).execute(_HOLD, [names])
    return {name: _Place(*rest) for name, *rest in found}


_HOLD: Final = """
SELECT name, generation, size, fold, stopped_seq FROM projections.checkpoints
WHERE live AND name = ANY(%b::text[]) FOR NO KEY UPDATE SKIP LOCKED
"""
"""As `projection.lock` takes one."""
_MOVE: Final = """
UPDATE projections.checkpoints SET size = %(end)s, moved_at = clock_timestamp()
WHERE live AND name = ANY(%(names)b::text[]) AND size < %(end)s
"""


def _well(projection: Projection, place: _Place | None) -> bool:
    return place is not None and place.fold == projection.number and place.stopped is None


def _fold(conn: Connection, projections: Sequence[Projection], held: Mapping[str, _Place]) -> None:
    """Up to a page from the least checkpoint on; to each projection what it has not folded yet.

    One that reads another's rows (`after`) comes later than that one, so it finds them as far.
    """
    entries = follow.page(conn, min(place.size for place in held.values()), PAGE)
    if not entries:
        return
    end = entries[-1].seq + 1
    for one in projections:
        place = held[one.name]
        heard: Sequence[Any]
        if one.hears is None:
            heard = follow.commits(conn, place.size, end, None)
        else:
            heard = [
                each for each in entries if each.seq >= place.size and each.event.type in one.hears
            ]
        if heard:
            one.fold(conn, place.generation, heard)
    driver(conn).execute(_MOVE, {"end": end, "names": [*held]})
