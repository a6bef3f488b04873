"""Test data of millions of positions for the benchmarks of reads: the UN votes, multiplied.

The projections' tables get the rows that folds would write (with the same kinds of change), but by
SQL: recording and folding two million votes would take an hour. Used by `positions`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bench
import psycopg
import unvotes

from onrecord.domain.changes import classify_change
from onrecord.domain.dates import bounds
from onrecord.projections.registry import PROJECTIONS

Vote = tuple[Any, ...]

_BASE = """
CREATE TEMPORARY TABLE base (actor text, topic text, day timestamptz, until timestamptz,
    effective text, ord integer, stance text, before text, kind text, change_size integer)
"""

_ROWS = """
CREATE TABLE public.rows AS
SELECT gen_random_uuid() AS id, gen_random_uuid() AS statement_id,
    row_number() OVER whole - 1 AS seq,
    CASE WHEN copy = 0 THEN actor ELSE actor || '-' || copy END AS actor, base.topic, day, until,
    effective, ord, stance, before, kind, change_size
FROM base, generate_series(0, %(copies)s - 1) AS copy
WINDOW whole AS (ORDER BY day, base.topic, ord, copy, actor) ORDER BY seq
"""

_VERSION = "generation, made_seq, open_seq, close_seq, event, event_type, recorded_at, recorded_by"
_AS_MADE = (
    "1, seq, seq, 9223372036854775807, {id}, '{type}',"
    " '2024-01-01'::timestamptz + seq * interval '1 ms', 'local'"
)

_FILL = (
    f"""
INSERT INTO projections.steps ({_VERSION}, id, actor, topic, valid_from, ord, earliest, latest,
    effective, stance, summary, basis, coder)
SELECT {_AS_MADE.format(id="id", type="position.changed")}, id, actor, topic, day, ord, day, until,
    effective, stance, 'Voted on ' || topic, ARRAY[statement_id], 'bench'
FROM public.rows ORDER BY seq""",
    f"""
INSERT INTO projections.changes ({_VERSION}, id, actor, recorded_as, topic, valid_from, ord,
    earliest, latest, effective, stance, before_id, before_stance, kind, change_size, late)
SELECT {_AS_MADE.format(id="id", type="position.changed")}, id, actor, actor, topic, day, ord, day,
    until, effective, stance, lag(id) OVER line, before, kind, change_size, false
FROM public.rows WINDOW line AS (PARTITION BY actor, topic ORDER BY seq) ORDER BY seq""",
    f"""
INSERT INTO projections.actors ({_VERSION}, id, kind, names, identifiers, spellings)
SELECT {_AS_MADE.format(id="gen_random_uuid()", type="actor.registered")}, actor, 'government',
    jsonb_build_array(jsonb_build_object('name', actor, 'lang', 'en')), '{{}}', actor
FROM (SELECT actor, 0 AS seq FROM public.rows GROUP BY actor) actors""",
    f"""
INSERT INTO projections.topics ({_VERSION}, id, label, proposition, spellings)
SELECT {_AS_MADE.format(id="gen_random_uuid()", type="topic.registered")},
    topic, topic, topic, topic
FROM (SELECT topic, 0 AS seq FROM public.rows GROUP BY topic) topics""",
    """
INSERT INTO projections.clock (generation, recorded_at, open_seq, size)
SELECT 1, '2024-01-01'::timestamptz + seq * interval '1 ms', seq, seq + 1
FROM generate_series(0, (SELECT max(seq) FROM public.rows), 100) AS seq""",
)

_STATEMENTS = f"""
INSERT INTO projections.statements ({_VERSION}, id, said_from, said_until, actors, topics, outlets,
    doc, erased)
SELECT {_AS_MADE.format(id="statement_id", type="statement.made")}, statement_id, day, until,
    ARRAY[actor], ARRAY[topic], ARRAY['Official records'], jsonb_build_object(
        'speakers', jsonb_build_array(jsonb_build_object('actor', actor, 'role', 'Delegation')),
        'topics', jsonb_build_array(topic), 'said_at', effective, 'said_at_basis', 'stated',
        'content', jsonb_build_object('text', 'Voted on ' || topic, 'lang', 'en',
            'mode', 'paraphrase'),
        'evidence', jsonb_build_array(jsonb_build_object('reference', 'A/RES/' || seq,
            'outlet', 'Official records')),
        'coder', 'bench'), '{{}}'
FROM public.rows JOIN (SELECT unnest(%(actors)s::text[]) AS actor, unnest(%(topics)s::text[])
    AS topic) pairs USING (actor, topic)
"""


def votes(folder: Path) -> Iterator[Vote]:
    """Every vote of the data as a step of its timeline, in the order of dates."""
    last: dict[tuple[str, str], Any] = {}
    files = (unvotes.rows(folder / f"{name}.csv.gz") for name in ("roll_calls", "votes"))
    for line in unvotes.convert(*files):
        if line["op"] == "statement":
            for position in line["body"]["positions"]:
                pair, stance = (position["actor"], position["topic"]), position["stance"]
                before = last.get(pair)
                kind, change_size = classify_change(before, stance, same_condition=True)
                when, order = bounds(position["effective"]), position.get("order", 0)
                last[pair] = stance
                yield (
                    *pair,
                    *(when.sorts_at, when.latest, position["effective"], order),
                    *(stance, before, kind, change_size),
                )


def insert_votes(url: str, base: Sequence[Vote], *, copies: int) -> int:
    """Insert this many copies of the votes into the projections; returns the number of steps."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_BASE)
        with conn.cursor().copy("COPY base FROM STDIN") as copy:
            for vote in base:
                copy.write_row(vote)
        conn.execute(_ROWS, {"copies": copies})
        for n, insert in enumerate(_FILL):
            bench.say(f"filling: table {n + 1} of {len(_FILL)}")
            conn.execute(insert)
        row = conn.execute("SELECT max(seq) + 1 FROM public.rows").fetchone()
        size: int = row[0] if row else 0
        for projection in PROJECTIONS:
            conn.execute(
                "INSERT INTO projections.checkpoints (name, generation, fold, size, live)"
                " VALUES (%s, 1, %s, %s, true)",
                [projection.name, projection.fold_number, size],
            )
        conn.execute("VACUUM ANALYZE")
    return size


def pairs(url: str, count: int) -> list[tuple[str, str]]:
    """Pairs of actor and topic in random order."""
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT actor, topic FROM public.rows GROUP BY actor, topic"
            " ORDER BY md5(actor || topic) LIMIT %s",
            [count],
        ).fetchall()


def insert_statements(url: str, selected: Sequence[tuple[str, str]]) -> None:
    """Insert the statements that are the basis of the positions of these pairs."""
    with psycopg.connect(url, autocommit=True) as conn:
        names = {
            "actors": [actor for actor, _ in selected],
            "topics": [topic for _, topic in selected],
        }
        conn.execute(_STATEMENTS, names)
        conn.execute("VACUUM ANALYZE projections.statements")
