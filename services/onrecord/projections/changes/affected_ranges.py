"""The steps that a page of entries affects, read from their timelines.

Called by the fold of `changes`. A step that comes, goes or moves affects itself and the step after
it, and what both are follows from the step before each. So of a timeline, however long, only the
steps between the first and the last place that a page touches are read, and one on either side.
"""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from psycopg.rows import dict_row
from sqlalchemy import Connection

from onrecord.projections.changes.timeline import StepRow, place_of
from onrecord.projections.engine.projection import fold_sql, psycopg_connection


class AffectedRanges:
    """The first and the last place touched in each timeline, by actor and topic."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], tuple[Any, Any]] = {}

    def add(self, step: StepRow) -> None:
        """Extend the range of a step's timeline to its place, which it comes to or leaves."""
        pair, place = (step["actor"], step["topic"]), place_of(step)
        first, last = self._ends.get(pair, (place, place))
        self._ends[pair] = (min(first, place), max(last, place))

    def load(self, conn: Connection, generation: int) -> list[StepRow]:
        """The current steps of all ranges, and one on either side of each."""
        if not self._ends:
            return []
        params: dict[str, Any] = {"generation": generation}
        params["actor"], params["topic"] = map(list, zip(*self._ends, strict=True))
        firsts, lasts = zip(*self._ends.values(), strict=True)
        for end, places in (("first", firsts), ("last", lasts)):
            columns = map(list, zip(*places, strict=True))
            params[f"{end}_from"], params[f"{end}_ord"], params[f"{end}_seq"] = columns
        return _steps(conn, _STEPS_OF_RANGES, params)


def steps_of_actor(conn: Connection, generation: int, actor: str) -> list[StepRow]:
    """The current steps of all timelines of an actor."""
    return _steps(conn, _STEPS_OF_ACTOR, {"generation": generation, "actor": actor})


def steps_by_id(conn: Connection, generation: int, ids: Collection[UUID]) -> list[StepRow]:
    """The current steps of these positions."""
    return _steps(conn, _STEPS_BY_ID, {"generation": generation, "ids": list(ids)})


def _steps(conn: Connection, sql: str, params: dict[str, Any]) -> list[StepRow]:
    cursor = psycopg_connection(conn).cursor(binary=True, row_factory=dict_row)
    return cursor.execute(fold_sql(conn, sql), params).fetchall()


_STEPS_OF_ACTOR: Final = """
SELECT id, made_seq, actor, recorded_as, topic, valid_from, ord, earliest, latest, effective,
    stance, condition, before_id, before_stance, kind, change_size, late
FROM projections.changes
WHERE generation = %(generation)s::integer AND actor = %(actor)s
    AND close_seq = 9223372036854775807  -- NEVER
"""

_STEPS_BY_ID: Final = """
SELECT id, made_seq, actor, recorded_as, topic, valid_from, ord, earliest, latest, effective,
    stance, condition, before_id, before_stance, kind, change_size, late
FROM projections.changes
WHERE generation = %(generation)s::integer AND id = ANY(%(ids)b::uuid[])
    AND close_seq = 9223372036854775807  -- NEVER
"""

# A timeline is found by the hash `line`, and its names are compared as one text: see
# queries/README.md.
_STEPS_OF_RANGES: Final = """
SELECT c.id, c.made_seq, c.actor, c.recorded_as, c.topic, c.valid_from, c.ord, c.earliest, c.latest,
    c.effective, c.stance, c.condition, c.before_id, c.before_stance, c.kind, c.change_size, c.late
FROM unnest(%(actor)b::text[], %(topic)b::text[],
    %(first_from)b::timestamptz[], %(first_ord)b::int[], %(first_seq)b::bigint[],
    %(last_from)b::timestamptz[], %(last_ord)b::int[], %(last_seq)b::bigint[]
) AS r (actor, topic, first_from, first_ord, first_seq, last_from, last_ord, last_seq)
CROSS JOIN LATERAL (
    (
        SELECT * FROM projections.changes
        WHERE generation = %(generation)s::integer AND close_seq = 9223372036854775807  -- NEVER
            AND line = hashtextextended(r.actor || ' ' || r.topic, 0)
            AND actor || ' ' || topic = r.actor || ' ' || r.topic
            AND (valid_from, ord, made_seq) < (r.first_from, r.first_ord, r.first_seq)
        ORDER BY valid_from DESC, ord DESC, made_seq DESC LIMIT 1
    ) UNION ALL (
        SELECT * FROM projections.changes
        WHERE generation = %(generation)s::integer AND close_seq = 9223372036854775807
            AND line = hashtextextended(r.actor || ' ' || r.topic, 0)
            AND actor || ' ' || topic = r.actor || ' ' || r.topic
            AND (valid_from, ord, made_seq) BETWEEN (r.first_from, r.first_ord, r.first_seq)
                AND (r.last_from, r.last_ord, r.last_seq)
    ) UNION ALL (
        SELECT * FROM projections.changes
        WHERE generation = %(generation)s::integer AND close_seq = 9223372036854775807
            AND line = hashtextextended(r.actor || ' ' || r.topic, 0)
            AND actor || ' ' || topic = r.actor || ' ' || r.topic
            AND (valid_from, ord, made_seq) > (r.last_from, r.last_ord, r.last_seq)
        ORDER BY valid_from, ord, made_seq LIMIT 1
    )
) c
"""
