"""How does a projection get from its checkpoint to the ledger's end by itself?

Called by the Celery task where `abreast` does not do, by `rebuild` and by tests. One transaction a
page: take the checkpoint, read the next entries that it hears, fold them, move the checkpoint,
commit. Killed at any moment, it has done all of a page or nothing of it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine

from onrecord.ledger import follow
from onrecord.projections.engine.pages import Heard, page, seqs
from onrecord.projections.engine.poison import Stop, Stopped, is_poison, told
from onrecord.projections.engine.projection import (
    PAGE,
    FoldChanged,
    Held,
    Projection,
    advance,
    end,
    ensure,
    live,
    lock,
    stop,
)

SETTINGS: Final = {
    "plan_cache_mode": "force_custom_plan",
    "enable_memoize": "off",
    "synchronous_commit": "off",
}
"""Of the connections that fold. To plan each page anew costs it little, and a plan kept from when a
table was small would read all of it when it is large. Nothing that a fold looks up comes twice, so
to memoize it is a fifth of the server's time to read a page (measured). And none waits for its
commit to be on disk: rows and checkpoint are lost together, if at all, and are folded again from
the ledger.
"""


@dataclass(frozen=True)
class Step:
    """How many entries a checkpoint went, and whether it could have gone on."""

    went: int
    more: bool


Take = Callable[[Connection, Projection], Held | None]
"""Takes a place for this transaction; None where there is none, or others have it."""
Move = Callable[[Connection, Projection, Held, int], None]
"""Moves the checkpoint of what was taken, in the same transaction."""

Tried = Callable[[Projection, Callable[[Engine, Projection], Step | None]], Step | None]
"""Does a step for a projection, and keeps its trouble from the others: None then."""


def catch_up(engine: Engine, projection: Projection) -> int:
    """Fold the live generation as far as it may go; answers how many entries it went.

    Another worker's lock ends it at once: that worker will find this one's entries. For it looks
    once more *after* it let go, when an entry that it missed may have had its bell turned away.
    Raises `Stopped` at an event that cannot be folded, and `FoldChanged`.
    """
    came = 0
    while (done := step(engine, projection)) is not None:
        came += done.went
        if not done.more and not _more(engine, projection):
            break
    return came


def in_turns(projections: Iterable[Projection], tried: Tried) -> None:
    """Work off what is far behind, a page of each projection at a time.

    So what is read for one serves the next that hears the same. `catch_up` does the rest.
    """
    heard, going = Heard(), list(projections)
    while going:
        done = [(one, tried(one, partial(step, heard=heard))) for one in going]
        going = [one for one, had in done if had and had.more]


def step(
    engine: Engine,
    projection: Projection,
    take: Take = lock,
    move: Move = advance,
    *,
    heard: Heard | None = None,
) -> Step | None:
    """Fold one page, in one transaction; None if there was nothing to take.

    Where the page cannot be folded, it is again in halves, so that the checkpoint comes to stand at
    the event that cannot. Raises `Stopped` then, each time: whoever calls has it tried once more.
    """
    try:
        with engine.begin() as conn:
            held = take(conn, projection)
            if held is None:
                return None
            found = page(conn, projection, held.size, held.until, _limit(held), held.part, heard)
            if found.heard:
                projection.fold(conn, held.generation, found.heard)
            if found.end > held.size:
                move(conn, projection, held, found.end)
        return Step(max(0, found.end - held.size), more=found.end < held.until)
    except FoldChanged:
        raise
    except Exception as error:
        if not is_poison(error):
            raise
    return _carefully(engine, projection, take, move)


def _limit(held: Held) -> int | None:
    if held.row is not None:
        return None  # whoever took it has bounded it
    return PAGE if held.stopped is None else 1  # where it stood still, that event comes alone


def _carefully(engine: Engine, projection: Projection, take: Take, move: Move) -> Step | None:
    """The same, up to the event that cannot be folded, which is noted."""
    with engine.begin() as conn:
        held = take(conn, projection)
        if held is None:
            return None
        limit = _limit(held)
        places = seqs(conn, projection, held.size, held.until, limit, held.part)
        until = places[-1] + 1 if limit and len(places) == limit else held.until
        met = _fold(conn, projection, held, [*places, until])
        size, error = met or (until, None)
        if size > held.size:
            move(conn, projection, held, size)
        if error is None:
            return Step(size - held.size, more=size < held.until)
        found = Stop(size, *follow.identity(conn, size), told(error))
        new = stop(conn, projection, held.generation, found)
    raise Stopped(projection.name, found, new=new) from error


def _fold(
    conn: Connection, projection: Projection, held: Held, places: Sequence[int]
) -> tuple[int, Exception] | None:
    """Fold what begins at all these places but the last; answers where it ends before that, why."""
    if len(places) == 1:
        return None
    try:
        with conn.begin_nested():
            found = page(conn, projection, places[0], places[-1], None, held.part)
            projection.fold(conn, held.generation, found.heard)
        return None
    except Exception as error:
        if not is_poison(error):
            raise
        if len(places) == 2:
            return places[0], error
    half = len(places) // 2
    first = _fold(conn, projection, held, places[: half + 1])
    return first or _fold(conn, projection, held, places[half:])


def _more(engine: Engine, projection: Projection) -> bool:
    """Are there entries past the live checkpoint that it may go to? Asked without its lock."""
    with engine.begin() as conn:
        return live(conn, projection)[1] < end(conn, projection)


def prepare(engine: Engine, projections: tuple[Projection, ...]) -> None:
    """Make sure that every projection has a live generation."""
    with engine.begin() as conn:
        for one in projections:
            ensure(conn, one)
