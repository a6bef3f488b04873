"""What changed, in the order in which it was held or recorded?

The query over `changes` behind `GET /v1/changes`, a value at one K. Run by the read door.
"""

from functools import cache
from typing import Final, Literal

from sqlalchemy import TextClause

from onrecord.projections.actors import ROOT
from onrecord.projections.changes.steps_read import COLUMNS, NAMES, told
from onrecord.projections.clock import TIME_OF
from onrecord.projections.engine.snapshot import believed, read

Clock = Literal["known", "valid"]

_ORDERS: Final[dict[Clock, tuple[str, str]]] = {
    "known": ("c.made_seq < CAST(:made_seq AS bigint)", "c.made_seq DESC"),
    "valid": (
        "(c.valid_from, c.ord, c.made_seq)"
        " < (:valid_from, CAST(:ord AS bigint), CAST(:made_seq AS bigint))",
        "c.valid_from DESC, c.ord DESC, c.made_seq DESC",
    ),
}
"""Before which place, and in which order: last recorded or last held first."""


def _size_by(instant: str) -> str:
    return (
        "coalesce((SELECT t.size FROM projections.clock t WHERE t.generation = known.clock"
        f" AND t.recorded_at {instant} ORDER BY t.recorded_at DESC LIMIT 1), 0)"
    )


_FILTERS: Final = {
    "actor": "c.actor = root.id",
    "topic": "c.topic = :topic",
    "kinds": "c.kind = ANY (CAST(:kinds AS text[]))",
    "change_size": "c.change_size >= CAST(:change_size AS integer)",
    "effective_from": "c.latest >= :effective_from",
    "effective_to": "c.valid_from <= :effective_to",
    "recorded_from": f"c.made_seq >= {_size_by('< :recorded_from')}",
    "recorded_to": f"c.made_seq < {_size_by('<= :recorded_to')}",
}


@cache
def listing(by: Clock, filters: frozenset[str]) -> TextClause:
    """Steps at K that pass all `filters`, each a parameter of its name, before a place."""
    before, order = _ORDERS[by]
    where = "".join(f" AND {_FILTERS[name]}" for name in sorted(filters))
    root, of = (f"{ROOT},", ", root") if "actor" in filters else ("", "")
    return read(
        NAMES,
        f"""
        {root}
        page AS (
            SELECT {COLUMNS} FROM known{of}, projections.changes c
            WHERE {believed("c", "changes")} AND {before}{where}
            ORDER BY {order} LIMIT CAST(:limit AS bigint)
        ),
        said AS ({told("page")})
        SELECT known.k, {TIME_OF} AS known_at, c.*
        FROM known LEFT JOIN said c ON true ORDER BY {order}
        """,
    )
