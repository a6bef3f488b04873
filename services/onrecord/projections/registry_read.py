"""Which actors and topics are there, by id or by any spelling on record?

Queries over `actors` and `topics`, each a value at one K. Run by the read door.
"""

from functools import cache

from sqlalchemy import TextClause

from onrecord.projections import actors, clock
from onrecord.projections.clock import TIME_OF
from onrecord.projections.engine.snapshot import believed, read


@cache
def listing(table: str, *, by_spelling: bool) -> TextClause:
    """Rows of `actors` or `topics` after `:after`, in order of id; `:pattern` is a LIKE pattern."""
    where = " AND x.spellings LIKE :pattern" if by_spelling else ""
    columns, merged = _merged(table)
    return read(
        (table, clock.NAME),
        f"""
        page AS (
            SELECT {columns} FROM known CROSS JOIN projections.{table} x{merged}
            WHERE {believed("x", table)} AND x.id > :after{where}
            ORDER BY x.id LIMIT CAST(:limit AS bigint)
        )
        SELECT known.k, {TIME_OF} AS known_at, page.*
        FROM known LEFT JOIN page ON true ORDER BY page.id
        """,
    )


@cache
def one(table: str) -> TextClause:
    """The row of `:id` in `actors` or `topics`."""
    columns, merged = _merged(table)
    return read(
        (table, clock.NAME),
        f"""
        page AS (
            SELECT {columns} FROM known CROSS JOIN projections.{table} x{merged}
            WHERE {believed("x", table)} AND x.id = :id
        )
        SELECT known.k, {TIME_OF} AS known_at, page.* FROM known LEFT JOIN page ON true
        """,
    )


def _merged(table: str) -> tuple[str, str]:
    """Columns and a join: an actor also says into which one it was merged."""
    if table != actors.NAME:
        return "x.*", ""
    join = f" LEFT JOIN projections.merges m ON m.id = x.id AND {believed('m', actors.NAME)}"
    return "x.*, m.into_actor AS merged_into", join
