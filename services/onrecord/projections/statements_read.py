"""Which statements match, and what does the record say of one?

Queries over `statements`, each a value at one K. Run by the read door.
"""

from functools import cache
from typing import Final

from sqlalchemy import TextClause

from onrecord.projections import actors, clock, statements
from onrecord.projections.actors import MEMBERS, ROOT
from onrecord.projections.clock import TIME_OF
from onrecord.projections.engine.snapshot import believed, read
from onrecord.projections.engine.versions import NEVER

_NAMES: Final = (statements.NAME, clock.NAME)

_FILTERS: Final = {
    "actor": "s.actors && ARRAY(SELECT id FROM members)",
    "topic": "s.topics @> ARRAY[CAST(:topic AS text)]",
    "outlet": ":outlet = ANY(s.outlets)",
    "q": "s.search @@ websearch_to_tsquery('simple'::regconfig, :q)"
    f" AND s.close_seq = {NEVER}",  # what is current: so the partial index serves
    "said_from": "s.said_until >= :said_from",
    "said_to": "s.said_from <= :said_to",
}


@cache
def listing(filters: frozenset[str]) -> TextClause:
    """Statements that pass all `filters`, last said first, before a place in that order.

    Those of an actor are also those of whoever was merged into it.
    """
    where = "".join(f" AND {_FILTERS[name]}" for name in sorted(filters))
    members = f"{ROOT}, {MEMBERS}, " if "actor" in filters else ""
    return read(
        (*_NAMES, actors.NAME),
        f"""
        {members}page AS (
            SELECT s.* FROM projections.statements s, known
            WHERE {believed("s", "statements")}{where}
                AND (s.said_from, s.made_seq) < (:before, CAST(:made_seq AS bigint))
            ORDER BY s.said_from DESC, s.made_seq DESC LIMIT CAST(:limit AS bigint)
        )
        SELECT known.k, {TIME_OF} AS known_at, page.*
        FROM known LEFT JOIN page ON true ORDER BY page.said_from DESC, page.made_seq DESC
        """,
    )


ONE: Final = read(
    _NAMES,
    f"""
    page AS (
        SELECT s.* FROM projections.statements s, known
        WHERE s.generation = known.statements AND s.id = CAST(:id AS uuid) AND s.open_seq < known.k
        ORDER BY s.open_seq DESC LIMIT 1
    )
    SELECT known.k, {TIME_OF} AS known_at, page.* FROM known LEFT JOIN page ON true
    """,
)
"""The last version of a statement that was on record at K, retracted since or not."""
