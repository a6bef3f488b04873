"""Benchmark: the review of a large record in which nothing is found.

The queries of the read API, on rows that SQL inserted: statements that all agree with the positions
held when they were said, accounts that stand beside first-hand evidence, and repeated words that
name each other. Prints how long each kind takes to look at all of them.
"""

import argparse
import asyncio
import time

import bench
import psycopg
from starlette.requests import Request

from onrecord.kit.sql import db
from onrecord.projections import review
from onrecord.projections.registry import PROJECTIONS
from onrecord.query.read_context import ReadContext
from onrecord.query.review_pages import Place, find_page

PAIRS, STEPS = 20_000, 10
"""Timelines, and the steps of each, which alternate between support and opposition."""

_STATEMENTS = """
INSERT INTO projections.statements (generation, id, made_seq, open_seq, close_seq, event,
    event_type, recorded_at, recorded_by, said_from, said_until, actors, topics, outlets, doc,
    erased)
SELECT 1, md5(n::text)::uuid, n, n, 9223372036854775807, gen_random_uuid(), 'statement.made',
    '2024-01-01'::timestamptz + n * interval '1 ms', 'local', said, said + interval '1 day',
    ARRAY[actor], ARRAY[topic], ARRAY['The Daily'], jsonb_build_object(
        'speakers', jsonb_build_array(jsonb_build_object('actor', actor)),
        'topics', jsonb_build_array(topic),
        'said_at', to_char(said AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
        'content', jsonb_build_object('text', repeat('Words of it ', 20) || n / 2, 'lang', 'en',
            'mode', 'verbatim'),
        'evidence', jsonb_build_array(jsonb_build_object('url', 'https://news.example/' || n / 2,
            'outlet', 'The Daily')),
        'stances', jsonb_build_array(jsonb_build_object('topic', topic, 'stance',
            CASE WHEN year / 2 %% 2 = 0 THEN 'support' ELSE 'oppose' END)),
        'same_utterance_as', CASE WHEN n %% 2 = 1 THEN jsonb_build_array(md5((n - 1)::text)::uuid)
            ELSE '[]'::jsonb END,
        'coder', 'bench'
    ) || CASE WHEN n %% 5 = 0 THEN jsonb_build_object('embedded_in', md5((n + 1)::text)::uuid)
        ELSE '{}' END, '{}'
FROM generate_series(0, %(count)s::bigint - 1) n, LATERAL (
    SELECT 'actor-' || n %% %(pairs)s %% 1000 AS actor, 'topic-' || n %% %(pairs)s / 1000 AS topic,
        (n / %(pairs)s * 7 %% 20)::int AS year
) pair, LATERAL (
    SELECT make_timestamptz(2000 + year, 6, 1 + n::int %% 28, 0, 0, 0, 'UTC') AS said
) dated
"""
_CHANGES = """
INSERT INTO projections.changes (generation, id, made_seq, open_seq, close_seq, event, event_type,
    recorded_at, recorded_by, actor, recorded_as, topic, valid_from, ord, earliest, latest,
    effective, stance, before_id, before_stance, kind, change_size, late)
SELECT 1, md5('step ' || n)::uuid, n, n, 9223372036854775807, gen_random_uuid(), 'position.changed',
    '2024-01-01'::timestamptz + n * interval '1 ms', 'local', actor, actor, topic, held, 0, held,
    held + interval '1 day' - interval '1 us', to_char(held AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
    CASE WHEN k %% 2 = 0 THEN 'support' ELSE 'oppose' END, NULL, NULL, 'adopted', NULL, false
FROM generate_series(0, %(pairs)s::bigint * %(steps)s - 1) n, LATERAL (
    SELECT 'actor-' || n %% %(pairs)s %% 1000 AS actor, 'topic-' || n %% %(pairs)s / 1000 AS topic,
        n / %(pairs)s AS k
) pair, LATERAL (SELECT make_timestamptz((2000 + 2 * k)::int, 1, 1, 0, 0, 0, 'UTC') AS held) dated
"""
_POSITIONS = """
INSERT INTO projections.steps (generation, id, made_seq, open_seq, close_seq, event, event_type,
    recorded_at, recorded_by, actor, topic, valid_from, ord, earliest, latest, effective, stance,
    summary, basis, coder)
SELECT generation, id, made_seq, open_seq, close_seq, event, event_type, recorded_at, recorded_by,
    actor, topic, valid_from, ord, earliest, latest, effective, stance, 'For it.',
    ARRAY[md5((5 * made_seq)::text)::uuid, md5((5 * made_seq + 1)::text)::uuid], 'bench'
FROM projections.changes
"""


def fill(url: str, count: int, size: int) -> None:
    """Insert statements, positions and the state of the projections."""
    params = {"count": count, "pairs": PAIRS, "steps": STEPS}
    with psycopg.connect(url, autocommit=True) as conn:
        for name, insert in (
            ("statements", _STATEMENTS),
            ("changes", _CHANGES),
            ("positions", _POSITIONS),
        ):
            bench.say(f"inserting {name}")
            conn.execute(insert, params if "%(" in insert else None)
        conn.execute("INSERT INTO projections.clock VALUES (1, '2024-01-01', 0, 1)")
        for projection in PROJECTIONS:
            conn.execute(
                "INSERT INTO projections.checkpoints (name, generation, fold, size, live)"
                " VALUES (%s, 1, %s, %s, true)",
                [projection.name, projection.fold_number, size],
            )
        bench.say("vacuum")
        conn.execute("VACUUM ANALYZE")


async def measure(url: str, count: int, size: int) -> None:
    """Print the time in which each kind is known to have no finding."""
    pool = db.pool(url, role="onrecord_query", size=1)
    await pool.open()
    request = Request({"type": "http"}, asyncio.Event().wait)  # of a client that stays
    print(f"\n**Nothing found among {count:,} statements**\n")
    print("| kind | s for all | \n|---|---:|")
    for kind in review.REVIEW_QUERIES:
        context = ReadContext(pool, size, False)
        start = time.perf_counter()
        findings, place, _ = await find_page(request, context, [kind], Place(kind, ""), 50)
        seconds = time.perf_counter() - start
        assert (findings, place) == ([], None), findings[:1]
        print(f"| {kind} | {seconds:.1f} |", flush=True)
    await pool.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="statements")
    args = parser.parse_args()
    with bench.postgres() as server:
        url = bench.migrated(server, "review")
        size = max(args.count, PAIRS * STEPS)
        fill(url, args.count, size)
        asyncio.run(measure(url, args.count, size))


if __name__ == "__main__":
    main()
