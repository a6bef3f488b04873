"""What was the position, what line of positions led there, and what changed?

Queries over `steps`, each a value: one statement at one K (`known`). Run by the read door. What
kind of change a step is follows from the step before it, so these give `before_*` and
`same_condition`, and `domain.positions` says the kind.
"""

from functools import cache
from typing import Final

from sqlalchemy import TextClause

from onrecord.projections import actors, clock, positions, statements, topics
from onrecord.projections.clock import TIME_OF
from onrecord.projections.known import believed, read

_ORDER: Final = "valid_from, ord, made_seq"
_DOWN: Final = "valid_from DESC, ord DESC, made_seq DESC"

LINE: Final = f"""
    line AS (
        SELECT pair.*,
            lag(id) OVER w AS before_id, lag(stance) OVER w AS before_stance,
            lag(since) OVER w AS before_since,
            condition IS NOT DISTINCT FROM lag(condition) OVER w AS same_condition
        FROM (
            SELECT runs.*, first_value(effective) OVER (
                PARTITION BY actor, topic, run ORDER BY {_ORDER}) AS since
            FROM (
                SELECT turns.*, count(*) FILTER (WHERE turn) OVER (
                    PARTITION BY actor, topic ORDER BY {_ORDER}) AS run
                FROM (
                    SELECT pairs.*, stance IS DISTINCT FROM lag(stance) OVER v
                        OR condition IS DISTINCT FROM lag(condition) OVER v AS turn
                    FROM pairs WINDOW v AS (PARTITION BY actor, topic ORDER BY {_ORDER})
                ) turns
            ) runs
        ) pair
        WINDOW w AS (PARTITION BY actor, topic ORDER BY {_ORDER})
    )"""
"""Over `pairs` (steps believed at K): each with the step before it, and since when its run of one
stance and condition has lasted."""

_NAMES: Final = (positions.NAME, statements.NAME, actors.NAME, topics.NAME, clock.NAME)

HELD: Final = read(
    _NAMES,
    f"""
    everything AS MATERIALIZED (
        SELECT s.* FROM projections.steps s, known
        WHERE s.actor = :actor AND s.topic = :topic AND {believed("s", "positions")}
    ),
    pairs AS (SELECT * FROM everything WHERE valid_from <= :as_of),
    {LINE},
    held AS (SELECT * FROM line ORDER BY {_DOWN} LIMIT 1),
    floor AS (
        SELECT earliest, ord, made_seq FROM everything WHERE latest <= :as_of
        ORDER BY earliest DESC, ord DESC, made_seq DESC LIMIT 1
    ),
    may AS (
        SELECT DISTINCT ON (earliest, latest) id, stance, condition, effective, {_ORDER}
        FROM everything
        WHERE earliest <= :as_of AND (
            NOT EXISTS (SELECT FROM floor)
            OR (least(latest, :as_of), ord, made_seq)
                >= (SELECT f.earliest, f.ord, f.made_seq FROM floor f))
        ORDER BY earliest, latest, ord DESC, made_seq DESC
    )
    SELECT known.k, {TIME_OF} AS known_at,
        (SELECT names FROM projections.actors a
            WHERE a.id = :actor AND {believed("a", "actors")}) AS actor_names,
        (SELECT coalesce(label, '') FROM projections.topics t
            WHERE t.id = :topic AND {believed("t", "topics")}) AS topic_label,
        (SELECT count(DISTINCT seq) FROM projections.steps s,
                LATERAL (VALUES (s.open_seq), (s.close_seq)) AS v (seq)
            WHERE s.generation = known.positions AND s.actor = :actor AND s.topic = :topic
            AND seq < known.k) AS revision,
        EXISTS (SELECT FROM floor) AS surely_some,
        (SELECT jsonb_agg(jsonb_build_object('id', id, 'stance', stance, 'condition', condition,
            'effective', effective) ORDER BY {_ORDER}) FROM may) AS may_hold,
        (SELECT jsonb_agg(jsonb_build_object(
                'id', s.id, 'recorded_at', s.recorded_at, 'erased', s.erased) || s.doc
                ORDER BY s.said_from, s.made_seq)
            FROM projections.statements s
            WHERE s.id = ANY(held.basis) AND {believed("s", "statements")}) AS statements,
        held.*
    FROM known LEFT JOIN held ON true
    """,
)
"""The position of `:actor` on `:topic` at `:as_of`, at K; with all that an answer shows."""

TIMELINE: Final = read(
    (positions.NAME, actors.NAME, topics.NAME, clock.NAME),
    f"""
    pairs AS (
        SELECT s.* FROM projections.steps s, known
        WHERE s.actor = :actor AND s.topic = :topic AND {believed("s", "positions")}
    ),
    {LINE},
    page AS (
        SELECT * FROM line WHERE (valid_from, ord, made_seq)
            > (:valid_from, CAST(:ord AS bigint), CAST(:made_seq AS bigint))
        ORDER BY {_ORDER} LIMIT CAST(:limit AS bigint)
    )
    SELECT known.k, {TIME_OF} AS known_at,
        EXISTS (SELECT FROM projections.actors a
            WHERE a.id = :actor AND {believed("a", "actors")}) AS has_actor,
        EXISTS (SELECT FROM projections.topics t
            WHERE t.id = :topic AND {believed("t", "topics")}) AS has_topic,
        page.*
    FROM known LEFT JOIN page ON true ORDER BY {_ORDER}
    """,
)
"""The steps of a pair at K, in valid-time order, after a place in it."""

HISTORY: Final = read(
    (positions.NAME, actors.NAME, topics.NAME, clock.NAME),
    f"""
    page AS (
        SELECT s.* FROM projections.steps s, known
        WHERE s.generation = known.positions AND s.actor = :actor AND s.topic = :topic
            AND s.open_seq < known.k AND s.open_seq > CAST(:open_seq AS bigint)
        ORDER BY s.open_seq LIMIT CAST(:limit AS bigint)
    )
    SELECT known.k, {TIME_OF} AS known_at,
        EXISTS (SELECT FROM projections.actors a
            WHERE a.id = :actor AND {believed("a", "actors")}) AS has_actor,
        EXISTS (SELECT FROM projections.topics t
            WHERE t.id = :topic AND {believed("t", "topics")}) AS has_topic,
        page.*
    FROM known LEFT JOIN page ON true ORDER BY page.open_seq
    """,
)
"""Every version of every step of a pair, in the order in which the record came to believe it."""


@cache
def sheet(of: str) -> TextClause:
    """What an actor holds on each topic (`of` actor), or each actor on a topic (`of` topic)."""
    other = {"actor": "topic", "topic": "actor"}[of]
    return read(
        (positions.NAME, f"{of}s", clock.NAME),
        f"""
        others AS (
            SELECT DISTINCT s.{other} AS name FROM projections.steps s, known
            WHERE s.{of} = :name AND {believed("s", "positions")} AND s.valid_from <= :as_of
                AND s.{other} > :after
            ORDER BY 1 LIMIT CAST(:limit AS bigint)
        ),
        pairs AS (
            SELECT s.* FROM known, others
            JOIN projections.steps s ON s.{of} = :name AND s.{other} = others.name
            WHERE {believed("s", "positions")} AND s.valid_from <= :as_of
        ),
        {LINE},
        held AS (SELECT DISTINCT ON ({other}) * FROM line ORDER BY {other}, {_DOWN})
        SELECT known.k, {TIME_OF} AS known_at,
            EXISTS (SELECT FROM projections.{of}s a
                WHERE a.id = :name AND {believed("a", f"{of}s")}) AS has_{of},
            held.*
        FROM known LEFT JOIN held ON true ORDER BY held.{other}
        """,
    )


@cache
def changes(filters: frozenset[str]) -> TextClause:
    """The steps at K, each in its line, last recorded first, before `:made_seq`."""
    where = "".join(f" AND s.{name} = :{name}" for name in sorted(filters))
    return read(
        (positions.NAME, clock.NAME),
        f"""
        page AS (
            SELECT s.id, s.actor, s.topic, s.made_seq FROM projections.steps s, known
            WHERE {believed("s", "positions")} AND s.made_seq < CAST(:made_seq AS bigint){where}
            ORDER BY s.made_seq DESC LIMIT CAST(:limit AS bigint)
        ),
        pairs AS (
            SELECT s.* FROM known, (SELECT DISTINCT actor, topic FROM page) p
            JOIN projections.steps s USING (actor, topic)
            WHERE {believed("s", "positions")}
        ),
        {LINE}
        SELECT known.k, {TIME_OF} AS known_at, line.*
        FROM known LEFT JOIN (page JOIN line USING (id)) ON true
        ORDER BY page.made_seq DESC
        """,
    )
