"""Benchmark: cost of reading a position among two million.

On the UN votes, multiplied: the query of a step (current; as of a date; as of a date and known at a
size) against a row of the same width by its primary key, in time and in buffers; all positions of
an actor and a page of a topic at two ledger sizes; and `GET .../position` against an endpoint
of the same application that does one indexed SELECT and sends the same bytes.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import bench
import lines
import post
import psycopg
import serving
from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from onrecord.kit.sql import db
from onrecord.projections.queries import positions_page

CLIENTS = 32

STEP = text("""
WITH snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 2 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'changes'), 0) AS changes
    FROM projections.checkpoints
    WHERE live AND name IN ('changes', 'clock')
)
SELECT changes.id, changes.actor, changes.recorded_as, changes.topic, changes.valid_from,
    changes.ord, changes.made_seq, changes.earliest, changes.latest, changes.effective,
    changes.stance, changes.condition, changes.before_id, changes.before_stance, changes.kind,
    changes.change_size, changes.late
FROM snapshot, projections.changes
WHERE changes.generation = snapshot.changes
    AND changes.open_seq < snapshot.known_size AND changes.close_seq >= snapshot.known_size
    AND changes.line = hashtextextended(CAST(:actor AS text) || ' ' || CAST(:topic AS text), 0)
    AND changes.actor || ' ' || changes.topic
        = CAST(:actor AS text) || ' ' || CAST(:topic AS text)
    AND changes.valid_from <= :as_of
ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC LIMIT 1
""")
"""The part of a position's query that selects the step."""

_BARE = """
CREATE TABLE public.bare (place bigint PRIMARY KEY, id uuid, actor text, recorded_as text,
    topic text, valid_from timestamptz, ord integer, made_seq bigint, effective text, stance text,
    condition text, before_id uuid, before_stance text, kind text, change_size integer,
    late boolean);
INSERT INTO public.bare SELECT made_seq, id, actor, recorded_as, topic, valid_from, ord, made_seq,
    effective, stance, condition, before_id, before_stance, kind, change_size, late
FROM projections.changes ORDER BY made_seq;
CREATE TABLE public.answers (pair text PRIMARY KEY, body bytea);
GRANT SELECT ON public.bare, public.answers TO onrecord_query;
"""

router = APIRouter(prefix="/bench")
_ANSWER = text("SELECT body FROM public.answers WHERE pair = :pair")


@router.get("/{actor}/{topic}")
async def select_answer(request: Request, actor: str, topic: str) -> Response:
    """The bytes of an answer, rendered beforehand."""
    rows = await db.fetch_all(
        request.state.read_resources.pool, _ANSWER, {"pair": f"{actor}/{topic}"}
    )
    headers = {"ETag": 'W/"0"', "Cache-Control": "no-cache"}
    return Response(rows[0]["body"], headers=headers, media_type="application/json")


def serve_with_select(url: str, port: int) -> None:
    serving.serve(url, port, router)


class QueryRunner:
    """A connection of the read API that runs queries for random pairs, one after another."""

    def __init__(self, url: str, pairs: Sequence[tuple[str, str]], size: int) -> None:
        self._conn = db.connect(url, role="onrecord_query")
        self._pairs, self._size, self._chance = pairs, size, random.Random(1)

    def rate(self, make: Callable[[], tuple[Any, dict[str, Any]]], count: int) -> float:
        """Queries a second, each of a single row."""
        queries = [make() for _ in range(count)]
        cursor = self._conn.cursor(binary=True)
        start = time.perf_counter()
        for query, params in queries:
            cursor.execute(query, params, prepare=True).fetchone()
        return count / (time.perf_counter() - start)

    def count(self, make: Callable[[], tuple[Any, dict[str, Any]]]) -> int:
        """Rows of one result."""
        return len(self._conn.execute(*make()).fetchall())

    def buffers(
        self, make: Callable[[], tuple[Any, dict[str, Any]]], count: int = 300
    ) -> list[int]:
        """Buffers that each of this many executions touched, without those of planning."""
        buffers_touched = []
        for _ in range(count):
            query, params = make()
            plan_row = self._conn.execute(
                b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query, params
            ).fetchone()
            plan = plan_row[0][0]["Plan"] if plan_row else {}
            buffers_touched.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        return buffers_touched

    def step(self, *, as_of: bool, at_known_size: bool) -> tuple[Any, dict[str, Any]]:
        actor, topic = self._chance.choice(self._pairs)
        then = datetime(self._chance.randint(2005, 2019), 6, 30, tzinfo=UTC)
        size = self._size - self._chance.randint(0, self._size // 20)
        return db.compiled(STEP), {
            "actor": actor,
            "topic": topic,
            "as_of": then if as_of else datetime.now(UTC),
            "known_size": size if at_known_size else None,
        }

    def bare(self) -> tuple[Any, dict[str, Any]]:
        place = self._chance.randrange(self._size)
        columns = "id, actor, recorded_as, topic, valid_from, ord, made_seq, effective, stance,"
        columns += " condition, before_id, before_stance, kind, change_size, late"
        query = f"SELECT {columns} FROM public.bare WHERE place = %(place)b::bigint"
        return query.encode(), {"place": place}

    def page(self, of: str) -> tuple[Any, dict[str, Any]]:
        actor, topic = self._chance.choice(self._pairs)
        name = actor if of == "actor" else topic
        limit = {"actor": 500, "topic": 100}[of]
        now = {"as_of": datetime.now(UTC), "known_size": None, "after": "", "limit": limit}
        return db.compiled(positions_page(of)), {of: name, **now}


def generate_gets(port: int, pipe: Connection) -> None:
    """A process that sends the requests it gets through the pipe, and returns the seconds."""
    while (requests := pipe.recv()) is not None:
        pipe.send(asyncio.run(post.send_all(port, requests, CLIENTS, b" 200 ")))


def compare_over_http(url: str, pairs: Sequence[tuple[str, str]], slices: int) -> None:
    """`GET .../position` against one SELECT of the same bytes."""
    lines.insert_statements(url, pairs)
    paths = {pair: f"/v1/actors/{pair[0]}/topics/{pair[1]}/position" for pair in pairs}
    with serving.served(url, serve_with_select) as api:
        conn = serving.connection(api.port)
        bodies = []
        for (actor, topic), path in paths.items():
            conn.request("GET", f"{path}?as_of=2019-12-31")
            answer = conn.getresponse()
            bodies.append((f"{actor}/{topic}", answer.read()))
            assert answer.status == 200, bodies[-1]
        with psycopg.connect(url, autocommit=True) as admin:
            admin.cursor().executemany("INSERT INTO public.answers VALUES (%s, %s)", bodies)
            admin.execute("VACUUM ANALYZE public.answers")
        size = statistics.median(len(body) for _, body in bodies)
        print(f"\nOne answer: {size:,.0f} bytes in the median.")
        pipe, end = bench.SPAWN.Pipe()
        bench.SPAWN.Process(target=generate_gets, args=(api.port, end), daemon=True).start()
        chance = random.Random(2)

        def send(make: Callable[[tuple[str, str]], str], count: int = 6_000) -> float:
            chosen = chance.choices(pairs, k=count)
            head = f"GET {{}} HTTP/1.1\r\nHost: localhost\r\n{serving.AUTHORIZATION}\r\n\r\n"
            pipe.send([head.format(make(pair)).encode() for pair in chosen])
            seconds, took = pipe.recv()
            assert len(took) == count
            return count / float(seconds)

        figures = bench.alternate(
            {
                "GET .../position": partial(send, lambda pair: f"{paths[pair]}?as_of=2019-12-31"),
                "one SELECT of the same bytes": partial(
                    send, lambda pair: "/bench/{}/{}".format(*pair)
                ),
            },
            slices=slices,
            before=lambda: None,
        )
        pipe.send(None)
        bench.table(f"{CLIENTS} clients", figures, unit="requests/s", target=0.6)


def look_up(url: str, pairs: Sequence[tuple[str, str]], size: int, slices: int, count: int) -> None:
    """The query of a step, against a row by its primary key."""
    runner = QueryRunner(url, pairs, size)
    makes: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
        "by primary key": runner.bare,
        "current": partial(runner.step, as_of=False, at_known_size=False),
        "as of": partial(runner.step, as_of=True, at_known_size=False),
        "as of, known at": partial(runner.step, as_of=True, at_known_size=True),
    }
    sides = {name: partial(runner.rate, make, count) for name, make in makes.items()}
    figures = bench.alternate(sides, slices=slices, before=lambda: None)
    took = {name: [1e6 / rate for rate in rates] for name, rates in figures.items()}
    print(
        f"\n**A step among {size:,}**\n\n| | us | of the primary key's | buffers, median | most |"
    )
    print("|---|---:|---:|---:|---:|")
    for name, make in makes.items():
        ratios = [a / b for a, b in zip(took[name], took["by primary key"], strict=True)]
        touched = runner.buffers(make)
        print(
            f"| {name} | {bench.spread(took[name])} | {bench.spread(ratios)}"
            f" | {statistics.median(touched):.0f} | {max(touched)} |"
        )


def pages(
    url: str, pairs: Sequence[tuple[str, str]], size: int, slices: int
) -> dict[str, tuple[float, float, float]]:
    """All positions of an actor, the first 100 of a topic: mean rows, median ms, mean buffers."""
    runner = QueryRunner(url, pairs, size)
    results = {}
    for of in ("actor", "topic"):
        make = partial(runner.page, of)
        rows = statistics.mean(runner.count(make) for _ in range(200))
        took = statistics.median(1e3 / runner.rate(make, 60) for _ in range(slices))
        results[of] = (rows, took, statistics.mean(runner.buffers(make)))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of the unvotes data")
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--count", type=int, default=5_000, help="look-ups in a slice")
    parser.add_argument("--copies", type=int, default=6, help="of the 370,662 votes")
    args = parser.parse_args()
    base = list(lines.votes(args.data))
    with bench.postgres() as server:
        pages_by_size = {}
        for name, base_votes, copies in (
            ("small", base[:100_000], 1),
            ("large", base, args.copies),
        ):
            url = bench.migrated(server, name)
            size = lines.insert_votes(url, base_votes, copies=copies)
            with psycopg.connect(url, autocommit=True) as conn:
                conn.execute(_BARE)
                conn.execute("VACUUM ANALYZE public.bare")
            pairs = lines.pairs(url, 2_000)
            look_up(url, pairs, size, args.slices, args.count)
            pages_by_size[size] = pages(url, pairs, size, args.slices)
        print("\n| steps | asked for | rows | ms | us a row | buffers a row |")
        print("|---:|---|---:|---:|---:|---:|")
        for of, name in (("actor", "an actor's sheet"), ("topic", "a topic's first 100")):
            for size, results_ in pages_by_size.items():
                rows, ms, touched = results_[of]
                per_row = f"{ms / rows * 1e3:.0f} | {touched / rows:.1f}"
                print(f"| {size:,} | {name} | {rows:.0f} | {ms:.2f} | {per_row} |")
        compare_over_http(url, pairs, args.slices)


if __name__ == "__main__":
    main()
