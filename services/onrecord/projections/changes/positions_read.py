"""What was the position?

The query, a value: one statement at one K (`known`) over `changes` (the lines) and `steps` (what
each position says). Run by the read door.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from onrecord.domain.dates import BEGINNING
from onrecord.projections import statements, topics
from onrecord.projections.actors import ROOT
from onrecord.projections.changes.steps_read import BELIEVED, NAMES, last, run_before, says, since
from onrecord.projections.changes.timeline import in_line
from onrecord.projections.clock import TIME_OF
from onrecord.projections.engine.snapshot import believed, read_each

_SURELY_BEGUN: Final = f" AND c.latest <= :as_of AND c.earliest > '{BEGINNING}'"

_BEGUN_BY: Final = f"""CASE
    WHEN held.latest <= :as_of AND held.earliest > '{BEGINNING}' THEN held.earliest
    WHEN held.id IS NOT NULL THEN coalesce(
        {last("held.actor", ":topic", columns="c.earliest", where=_SURELY_BEGUN)}, '-infinity')
    END"""
"""By when the last step that surely had begun had."""

HELD: Final = read_each(
    (*NAMES, statements.NAME, topics.NAME),
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
            held.id, held.stance, held.condition, held.effective, {since("held")} AS since,
            held.kind, held.change_size, held.before_id, held.before_stance,
            run.effective AS before_since, said.*,
            ARRAY(
                SELECT json_build_object('id', c.id, 'stance', c.stance, 'condition', c.condition,
                    'effective', c.effective, 'order', c.ord, 'seq', c.made_seq)
                FROM (
                    SELECT * FROM projections.changes c
                    WHERE {BELIEVED} AND {in_line("c", "root.id", ":topic")}
                        AND c.valid_from BETWEEN begun.by - interval '366 days' AND :as_of
                        AND c.latest >= begun.by
                    UNION ALL
                    SELECT * FROM projections.changes c
                    WHERE {BELIEVED} AND c.actor = root.id AND c.topic = :topic
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
            LEFT JOIN {says("held")} said ON true
            LEFT JOIN {run_before("held")} run ON true
            LEFT JOIN LATERAL (SELECT {_BEGUN_BY} AS by) begun ON true
    ) answer
    """,
)
"""The position of `:actor` on `:topic` at `:as_of`, at K, of each ask; with all that an answer
shows. `answered` reads it.

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
