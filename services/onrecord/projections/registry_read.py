"""Which actors and topics are there, by id or by any spelling on record?

Queries over `actors` and `topics`, each a value at one K. Run by the read door.
"""

from functools import cache

from sqlalchemy import TextClause

from onrecord.projections import clock
from onrecord.projections.clock import TIME_OF
from onrecord.projections.known import believed, read


@cache
def listing(table: str, *, by_spelling: bool) -> TextClause:
    """Rows of `actors` or `topics` after `:after`, in order of id; `:pattern` is a LIKE pattern."""
    where = " AND x.spellings LIKE :pattern" if by_spelling else ""
    return read(
        (table, clock.NAME),
        f"""
        page AS (
            SELECT x.* FROM projections.{table} x, known
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
    return read(
        (table, clock.NAME),
        f"""
        page AS (
            SELECT x.* FROM projections.{table} x, known
            WHERE {believed("x", table)} AND x.id = :id
        )
        SELECT known.k, {TIME_OF} AS known_at, page.* FROM known LEFT JOIN page ON true
        """,
    )
