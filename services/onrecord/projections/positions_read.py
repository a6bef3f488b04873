"""What was the position, what line of positions led there, and what does each actor hold?

Queries over `changes` (the lines) and `steps` (what each position says), each a value: one
statement at one K (`known`). Run by the read door. Each looks things up in the order of a line, a
few rows at a time, so none reads all of a long line to answer about one step of it.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import TextClause

from onrecord.domain.dates import BEGINNING
from onrecord.projections import actors, changes, clock, positions, statements, topics
from onrecord.projections.actors import MEMBERS, ROOT
from onrecord.projections.clock import TIME_OF
from onrecord.projections.known import believed, read, read_each
from onrecord.projections.line import in_line

_PLACE: Final = "(c.valid_from, c.ord, c.made_seq)"
_UP: Final = "c.valid_from, c.ord, c.made_seq"
_DOWN: Final = "c.valid_from DESC, c.ord DESC, c.made_seq DESC"
_BELIEVED: Final = believed("c", "changes")

COLUMNS: Final = (
    "c.id, c.actor, c.recorded_as, c.topic, c.valid_from, c.ord, c.made_seq, c.earliest, c.latest,"
    " c.effective, c.stance, c.condition, c.before_id, c.before_stance, c.kind, c.change_size,"
    " c.late"
)


def last(actor: str, topic: str, *, columns: str = COLUMNS, where: str = "") -> str:
    """The last step at K of a line by `:as_of`, which may have to pass a further condition.

    One descent of the index `changes_in_line`.
    """
    return f"""(
        SELECT {columns} FROM projections.changes c
        WHERE {_BELIEVED} AND {in_line("c", actor, topic)}
            AND c.valid_from <= :as_of{where}
        ORDER BY {_DOWN} LIMIT 1
    )"""


def _says(step: str) -> str:
    """What the event of a step says, beyond its place in the line."""
    return f"""LATERAL (
        SELECT s.summary, s.basis, s.coder, s.recorded_at, s.recorded_by FROM projections.steps s
        WHERE s.id = {step}.id AND {believed("s", "positions")}
        ORDER BY s.open_seq DESC LIMIT 1
    )"""


def _run_before(step: str) -> str:
    """Since when the run lasts in which the step before stands; if it is reaffirmed, it goes on.

    Since when a run of one stance and condition lasts, its first says, the only one that reaffirms
    nothing.
    """
    return f"""LATERAL (
        SELECT c.effective FROM projections.changes c
        WHERE {step}.before_id IS NOT NULL AND {_BELIEVED} AND c.kind <> 'reaffirmed'
            AND {in_line("c", f"{step}.actor", f"{step}.topic")}
            AND {_PLACE} < ({step}.valid_from, {step}.ord, {step}.made_seq)
        ORDER BY {_DOWN} LIMIT 1
    )"""


def _since(step: str) -> str:
    return f"CASE {step}.kind WHEN 'reaffirmed' THEN run.effective ELSE {step}.effective END"


def told(steps: str) -> str:
    """All that an answer says of the steps of a CTE: its rows with what their events say."""
    return f"""
        SELECT {steps}.*, s.*, {_since(steps)} AS since, run.effective AS before_since
        FROM known CROSS JOIN {steps} CROSS JOIN {_says(steps)} s
            LEFT JOIN {_run_before(steps)} run ON true
    """


_NAMES: Final = (positions.NAME, changes.NAME, actors.NAME, clock.NAME)

_SURELY_BEGUN: Final = f" AND c.latest <= :as_of AND c.earliest > '{BEGINNING}'"

_BEGUN_BY: Final = f"""CASE
    WHEN held.latest <= :as_of AND held.earliest > '{BEGINNING}' THEN held.earliest
    WHEN held.id IS NOT NULL THEN coalesce(
        {last("held.actor", ":topic", columns="c.earliest", where=_SURELY_BEGUN)}, '-infinity')
    END"""
"""By when the last step that surely had begun had."""

HELD: Final = read_each(
    (*_NAMES, statements.NAME, topics.NAME),
    {"actor": "text", "topic": "text", "as_of": "timestamptz"},
    f"""
    {ROOT}
    SELECT to_json(answer) AS answer FROM (
        SELECT known.k, {TIME_OF} AS known_at, root.id AS root, root.names AS actor_names,
            (SELECT coalesce(label, '') FROM projections.topics t
                WHERE t.id = :topic AND {believed("t", "topics")}) AS topic_label,
            (SELECT count(DISTINCT seq) FILTER (WHERE seq < known.k) FROM (
                SELECT unnest(ARRAY[s.open_seq, s.close_seq]) AS seq FROM projections.steps s
                WHERE s.generation = known.positions AND s.actor = root.id AND s.topic = :topic
            ) s) AS revision,
            held.id, held.stance, held.condition, held.effective, {_since("held")} AS since,
            held.kind, held.change_size, held.before_id, held.before_stance,
            run.effective AS before_since, said.*,
            ARRAY(
                SELECT json_build_object('id', c.id, 'stance', c.stance, 'condition', c.condition,
                    'effective', c.effective, 'order', c.ord, 'seq', c.made_seq)
                FROM (
                    SELECT * FROM projections.changes c
                    WHERE {_BELIEVED} AND {in_line("c", "root.id", ":topic")}
                        AND c.valid_from BETWEEN begun.by - interval '366 days' AND :as_of
                        AND c.latest >= begun.by
                    UNION ALL
                    SELECT * FROM projections.changes c
                    WHERE {_BELIEVED} AND c.actor = root.id AND c.topic = :topic
                        AND c.valid_from > :as_of AND c.earliest = '{BEGINNING}'
                ) c
            ) AS near,
            ARRAY(
                SELECT json_build_object('id', s.id, 'recorded_at', s.recorded_at,
                    'erased', s.erased, 'doc', s.doc)
                FROM projections.statements s
                WHERE s.id = ANY(said.basis) AND {believed("s", "statements")}
                ORDER BY s.said_from, s.made_seq
            ) AS statements
        FROM known LEFT JOIN root ON true
            LEFT JOIN LATERAL {last("root.id", ":topic")} held ON true
            LEFT JOIN {_says("held")} said ON true
            LEFT JOIN {_run_before("held")} run ON true
            LEFT JOIN LATERAL (SELECT {_BEGUN_BY} AS by) begun ON true
    ) answer
    """,
)
"""The position of `:actor` on `:topic` at `:as_of`, at K; with all that an answer shows. `answered`
reads it.

A chain of LATERALs, not of CTEs: to set its plan up is most of what a small query costs, and each
look at a CTE is two nodes more. `near` holds all that may have been held then, and perhaps more:
what surely ended before `begun.by` is over, and no date but `../D` spans more than a year.
"""


def answered(found: Mapping[str, Any]) -> dict[str, Any]:
    """The row of `HELD`. It comes as JSON, which is read in half of the time of as many columns."""
    row: dict[str, Any] = found["answer"]
    for name in ("known_at", "recorded_at"):
        row[name] = row[name] and datetime.fromisoformat(row[name])
    row["statements"] = [one | one.pop("doc") for one in row["statements"]]
    return row


_BOTH: Final = f"""
    EXISTS (SELECT FROM root) AS has_actor,
    EXISTS (SELECT FROM projections.topics t
        WHERE t.id = :topic AND {believed("t", "topics")}) AS has_topic"""

TIMELINE: Final = read(
    (*_NAMES, topics.NAME),
    f"""
    {ROOT},
    page AS (
        SELECT {COLUMNS} FROM known, root, projections.changes c
        WHERE {_BELIEVED} AND {in_line("c", "root.id", ":topic")} AND {_PLACE}
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
        (*_NAMES, topics.NAME),
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
