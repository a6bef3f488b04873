"""Catching up all projections in one loop, whether a little is new or a million entries.

A round is one transaction: lock the live checkpoints, read each new entry once, fold a page for
every projection, move the checkpoints. Called by the Celery tasks. A projection that is stopped, of
another fold number or locked by another worker does not hold up the others.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Connection, Engine, text

from onrecord.projections.engine.catch_up import fold_next_page
from onrecord.projections.engine.checkpoints import least_checkpoint
from onrecord.projections.engine.page import fold_page
from onrecord.projections.engine.poison import describe_error
from onrecord.projections.engine.projection import PAGE, Projection, psycopg_connection

MAX_ROUNDS: Final = 50
"""Rounds of one call, after which the hooks of `tasks` run. Without a limit, steady writes would
keep them from running.
"""

OnFoldError = Callable[[Projection, Exception], None]
"""Receives a projection that could not be folded, and the error."""

log = structlog.get_logger()


class NextPage(NamedTuple):
    """The entries from seq `start` to `end` - 1, which a projection folds in this round."""

    projection: Projection
    generation: int
    start: int
    end: int


def catch_up_all(engine: Engine, projections: Sequence[Projection], on_error: OnFoldError) -> bool:
    """Fold what is new for all projections; answers whether another call may find more at once.

    A projection that reads from another one comes after it in `projections`.
    """
    healthy, more, alone = list(projections), False, list[Projection]()
    for _ in projections:
        try:
            with engine.connect() as conn:
                more, alone = _fold_rounds(conn, healthy)
            break
        except Exception as error:
            log.warning(
                "a page is folded again, projection by projection", reason=describe_error(error)
            )
            healthy = [
                projection
                for projection in healthy
                if _fold_alone(engine, projection, on_error) is not None
            ]
    advanced = [projection for projection in alone if _fold_alone(engine, projection, on_error)]
    return more or bool(advanced)


def _fold_alone(engine: Engine, projection: Projection, on_error: OnFoldError) -> int | None:
    """Fold a page of one projection; answers how many entries, None where it failed."""
    try:
        return fold_next_page(engine, projection) or 0
    except Exception as error:
        on_error(projection, error)
        return None


def _fold_rounds(
    conn: Connection, projections: Sequence[Projection]
) -> tuple[bool, list[Projection]]:
    """Fold page after page; whether there are more, and the projections that are not healthy.

    After each round, when the locks are released, it looks again for projections that are behind:
    another worker may have skipped these locks, and relies on this check. If no size has changed
    since the last check, other workers hold the locks and will check in turn.
    """
    last_sizes: dict[str, int] | None = None
    for _ in range(MAX_ROUNDS):
        with conn.begin():
            sizes, alone = _inspect(conn, projections)
        if not sizes or sizes == last_sizes:
            return False, alone
        last_sizes = sizes
        with conn.begin():
            if pages := _lock_all(conn, projections):
                _fold_pages(conn, pages)
                _advance_all(conn, pages)
        with conn.begin():  # readers see the page before
            conn.execute(ANALYZE_GROWN)
    return True, alone


ANALYZE_GROWN: Final = text("SELECT projections.analyze_grown()")
"""Analyzes tables that are twice as large as when they were last analyzed. Autovacuum does so too,
but up to a minute later; until then a list may take a hundred times as long.
"""


def _inspect(
    conn: Connection, projections: Sequence[Projection]
) -> tuple[dict[str, int], list[Projection]]:
    """The sizes of healthy projections that are behind the ledger, and unhealthy ones; no locks."""
    rows = psycopg_connection(conn).execute(_BEHIND, _params(projections)).fetchall()
    sizes = {name: size for name, size, healthy in rows if healthy}
    unhealthy = {name for name, _, healthy in rows if not healthy}
    return sizes, [projection for projection in projections if projection.name in unhealthy]


_BEHIND: Final = """
SELECT c.name, c.size, c.fold = p.fold AND c.stopped_seq IS NULL AS healthy
FROM projections.checkpoints c
JOIN unnest(%(names)b::text[], %(folds)b::int[]) AS p (name, fold) USING (name)
WHERE c.live AND c.size < (SELECT coalesce(max(size), 0) FROM ledger.commits)
"""


def _lock_all(conn: Connection, projections: Sequence[Projection]) -> list[NextPage]:
    """Lock the checkpoints of healthy projections that are free; the next page of each.

    A projection goes no further than those that it reads from: to the end of their page in this
    round, or to their checkpoint where they are not folded in it.
    """
    rows = psycopg_connection(conn).execute(_LOCK, _params(projections)).fetchall()
    locked = {name: (generation, size) for name, generation, size, _ in rows}
    ledger_size = rows[0][3] if rows else 0
    ends: dict[str, int] = {}
    pages = []
    for projection in projections:
        if projection.name not in locked:
            continue
        generation, start = locked[projection.name]
        others = [
            ends[name] if name in ends else least_checkpoint(conn, [name])
            for name in projection.reads_from
        ]
        ends[projection.name] = end = max(start, min(start + PAGE, ledger_size, *others))
        if end > start:
            pages.append(NextPage(projection, generation, start, end))
    return pages


_LOCK: Final = """
SELECT c.name, c.generation, c.size, (SELECT coalesce(max(size), 0) FROM ledger.commits)
FROM projections.checkpoints c
JOIN unnest(%(names)b::text[], %(folds)b::int[]) AS p (name, fold) USING (name)
WHERE c.live AND c.fold = p.fold AND c.stopped_seq IS NULL
FOR NO KEY UPDATE OF c SKIP LOCKED
"""


def _fold_pages(conn: Connection, pages: Iterable[NextPage]) -> None:
    """Fold each page; projections at the same place, which is the rule, share what is read.

    The furthest are folded first: a projection is never ahead of one that it reads from.
    """
    places: dict[tuple[int, int], list[NextPage]] = {}
    for page in pages:
        places.setdefault((page.end, page.start), []).append(page)
    for (end, start), shared in sorted(places.items(), reverse=True):
        fold_page(conn, [(page.projection, page.generation) for page in shared], start, end)


def _advance_all(conn: Connection, pages: Sequence[NextPage]) -> None:
    params = {
        "names": [page.projection.name for page in pages],
        "sizes": [page.end for page in pages],
    }
    psycopg_connection(conn).execute(_ADVANCE, params)


_ADVANCE: Final = """
UPDATE projections.checkpoints c SET size = p.size, moved_at = clock_timestamp()
FROM unnest(%(names)b::text[], %(sizes)b::bigint[]) AS p (name, size)
WHERE c.live AND c.name = p.name
"""


def _params(projections: Sequence[Projection]) -> dict[str, Any]:
    return {
        "names": [projection.name for projection in projections],
        "folds": [projection.fold_number for projection in projections],
    }
