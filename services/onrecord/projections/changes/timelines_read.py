"""What line of positions led there, and what does each actor hold?

Queries over `changes` and `steps` for more than one step, each a value: one statement at one K
(`known`). Run by the read door.
"""

from functools import cache
from typing import Final

from sqlalchemy import TextClause

from onrecord.projections import actors, clock, positions, topics
from onrecord.projections.actors import MEMBERS, ROOT
from onrecord.projections.changes.steps_read import BELIEVED, COLUMNS, NAMES, PLACE, last, told
from onrecord.projections.changes.timeline import in_line
from onrecord.projections.clock import TIME_OF
from onrecord.projections.engine.snapshot import believed, read

_UP: Final = "c.valid_from, c.ord, c.made_seq"

_BOTH: Final = f"""
    EXISTS (SELECT FROM root) AS has_actor,
    EXISTS (SELECT FROM projections.topics t
        WHERE t.id = :topic AND {believed("t", "topics")}) AS has_topic"""

TIMELINE: Final = read(
    (*NAMES, topics.NAME),
    f"""
    {ROOT},
    page AS (
        SELECT {COLUMNS} FROM known, root, projections.changes c
        WHERE {BELIEVED} AND {in_line("c", "root.id", ":topic")} AND {PLACE}
            > (:valid_from, CAST(:ord AS bigint), CAST(:made_seq AS bigint))
        ORDER BY {_UP} LIMIT CAST(:limit AS bigint)
    ),
    said AS ({told("page")})
    SELECT known.k, {TIME_OF} AS known_at, {_BOTH}, c.*
    FROM known LEFT JOIN said c ON true ORDER BY {_UP}
    """,
)
"""The steps of a pair at K, in valid-time order, after a place in it."""

HISTORY: Final = read(
    (positions.NAME, actors.NAME, topics.NAME, clock.NAME),
    f"""
    {ROOT},
    {MEMBERS},
    page AS (
        SELECT s.* FROM projections.steps s, known
        WHERE s.generation = known.positions AND s.actor = ANY (ARRAY(SELECT id FROM members))
            AND s.topic = :topic
            AND s.open_seq < known.k AND s.open_seq > CAST(:open_seq AS bigint)
        ORDER BY s.open_seq LIMIT CAST(:limit AS bigint)
    )
    SELECT known.k, {TIME_OF} AS known_at, {_BOTH}, page.*
    FROM known LEFT JOIN page ON true ORDER BY page.open_seq
    """,
)
"""Every version of every step of a pair, in the order in which the record came to believe it."""


@cache
def sheet(of: str) -> TextClause:
    """What an actor holds on each topic (`of` actor), or each actor on a topic (`of` topic)."""
    other = {"actor": "topic", "topic": "actor"}[of]
    one = {
        "actor": f"{ROOT}, one AS MATERIALIZED (SELECT id FROM root)",
        "topic": "one AS MATERIALIZED (SELECT t.id FROM known, projections.topics t"
        f" WHERE t.id = :topic AND {believed('t', 'topics')})",
    }[of]
    following = f"""
        SELECT c.{other} AS name FROM projections.changes c
        WHERE c.generation = known.changes AND c.{of} = one.id AND c.{other} > {{after}}
        ORDER BY c.{other} LIMIT 1"""
    step = last(**{of: "one.id", other: "n.name"})
    return read(
        (*NAMES, topics.NAME),
        f"""
        {one},
        others AS (
            SELECT n.name, CASE WHEN c.id IS NULL THEN 0 ELSE 1 END AS found, c.*
            FROM known, one, LATERAL ({following.format(after=":after")}) n
                LEFT JOIN LATERAL {step} c ON true
            UNION ALL
            SELECT n.name, found + CASE WHEN c.id IS NULL THEN 0 ELSE 1 END, c.*
            FROM known, one, others, LATERAL ({following.format(after="others.name")}) n
                LEFT JOIN LATERAL {step} c ON true
            WHERE found < CAST(:limit AS bigint)
        ),
        held AS (SELECT * FROM others WHERE id IS NOT NULL),
        said AS ({told("held")})
        SELECT known.k, {TIME_OF} AS known_at, EXISTS (SELECT FROM one) AS has_{of}, said.*
        FROM known LEFT JOIN said ON true ORDER BY said.{other}
        """,
    )
