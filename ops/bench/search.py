"""Benchmark: search by `q` among a million statements and 100,000 actors.

The read API's own queries, on rows that SQL inserted: statements in five languages, whose words are
as frequent as words are (Zipf's law), and a few rare ones. Prints what the search column and its
index cost, against one vector of unchanged words, the time of each kind of search, and the rate of
folding all projections with both kinds of vectors.
"""

import argparse
import asyncio
import itertools
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Any

import bench
import catch_up
import psycopg
import statements
from sqlalchemy.sql import ClauseElement

from onrecord.domain.ids import new_id
from onrecord.entrypoints.infrastructure import writer
from onrecord.ingest import write_requests
from onrecord.ingest.schemas import StatementIn
from onrecord.kit.processes.gc_tuning import tune_gc
from onrecord.kit.sql import db
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import seal_request
from onrecord.projections import queries
from onrecord.projections.engine.versions import NEVER
from onrecord.projections.registry import PROJECTIONS

SYLLABLES = {
    "en": "ba con de er fi gra hol in jo ka lo mer ne or pla qui ro sta ter un ver wo",
    "fr": "bé con dé er fê grâ ho in jeu çai lo mer né œu pla qui roi stè ter un vè vo",
    "tr": "bı çon dö er fi ğra hol in jo ka lı mer ne öp pla ki ro şta ter ün ver vo",
    "ru": "ба кон де ер фи гра хол ин жо ка ло мер не ор пла кы ро ста тер ун вер ой",
    "ja": "国 民 政 府 会 議 経 済 安 全 保 障 平 和 条 約 交 渉 関 税 貿 易 案",
}
WORDS = 30
"""In a statement; in Japanese twice as many characters."""

RARE = {"en": "zugzwang", "fr": "œcuménique", "tr": "Işıkçı", "ru": "ъезды", "ja": "まちづくり"}
"""One statement in 10,000 of a language has its rare word."""

SEARCHES: Mapping[str, tuple[str, str]] = {
    "rare word": ("statements", "zugzwang"),
    "rare word, another form": ("statements", "zugzwangs"),
    "rare word, without accents": ("statements", "oecumenique"),
    "the most frequent word": ("statements", "{most}"),
    "a word of every 100th statement": ("statements", "{some}"),
    "two frequent words": ("statements", "{most} {some}"),
    "a frequent and a rare word": ("statements", "{most} zugzwang"),
    "a phrase of frequent words": ("statements", '"{most} {some}"'),
    "Japanese, a rare word": ("statements", "まちづくり"),
    "Japanese, two frequent characters": ("statements", "国民"),
    "Japanese, one character": ("statements", "国"),
    "misspelt, no result": ("statements", "zugzwnag"),
    "ten words": ("statements", "{most} or {some} or a or b or c or d or e or f or g or zugzwang"),
    "name with accents, typed without": ("actors", "isik ogrenci 77123"),
    "part of a name, two letters": ("actors", "ğr"),
    "name, no result": ("actors", "zugzwang"),
}

_INSERT = """
INSERT INTO projections.statements (generation, id, made_seq, open_seq, close_seq, event,
    event_type, recorded_at, recorded_by, said_from, said_until, actors, topics, outlets, doc,
    erased)
SELECT 1, gen_random_uuid(), n, n, 9223372036854775807, gen_random_uuid(), 'statement.made',
    '2024-01-01'::timestamptz + n * interval '1 ms', 'local', said, said + interval '1 day',
    ARRAY['actor-' || n % 1000], ARRAY['topic-' || n % 50], ARRAY['The Daily'], doc, '{}'
FROM public.docs CROSS JOIN LATERAL (
    SELECT '1990-01-01'::timestamptz + (n * 7919 % 12000) * interval '1 day' AS said
) dated
"""
_ACTORS = """
INSERT INTO projections.actors (generation, id, made_seq, open_seq, close_seq, event, event_type,
    recorded_at, recorded_by, kind, names, identifiers, spellings)
SELECT 1, 'a-' || n, n, n, 9223372036854775807, gen_random_uuid(), 'actor.registered',
    '2024-01-01', 'local', 'person', jsonb_build_array(jsonb_build_object('name',
        'Işık Öğrenci ' || n, 'lang', 'tr')), '{}', 'a-' || n || E'\\x1f' || 'Işık Öğrenci ' || n
FROM generate_series(1, %s) AS n
"""
_BEFORE = """
CREATE INDEX statements_before ON projections.statements
    USING gin (to_tsvector('simple'::regconfig, doc #>> '{content,text}'))
"""
_DEFINITION = "SELECT pg_get_functiondef('projections.searchable'::regproc)"
_AS_THEY_ARE = """
CREATE OR REPLACE FUNCTION projections.searchable(doc jsonb) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN to_tsvector('simple'::regconfig,
        concat_ws(' ', doc #>> '{content,text}', doc #>> '{content,original,text}'));
END $$
"""
_SEARCH_INDEX = """
CREATE INDEX statements_search ON projections.statements USING gin (search)
    WHERE close_seq = 9223372036854775807
"""


def words(lang: str, chance: random.Random) -> list[str]:
    """Words of a language, of which the first will be the most frequent."""
    syllables = SYLLABLES[lang].split()
    if lang == "ja":
        return syllables
    made = {"".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(60_000)}
    return sorted(made, key=lambda word: (len(word), word))


def documents(count: int, vocabulary: Mapping[str, list[str]]) -> Iterator[tuple[int, str]]:
    """Statements as documents, their languages in turn."""
    chance = random.Random(1)
    weights = {
        lang: list(itertools.accumulate(1 / (n + 3) for n in range(len(made))))
        for lang, made in vocabulary.items()
    }
    for n in range(count):
        lang = tuple(vocabulary)[n % len(vocabulary)]
        length = 2 * WORDS if lang == "ja" else WORDS
        text = chance.choices(vocabulary[lang], cum_weights=weights[lang], k=length)
        if n // len(vocabulary) % 10_000 == 5:
            text[7] = RARE[lang]
        said = ("" if lang == "ja" else " ").join(text).capitalize() + "."
        document = {
            "speakers": [{"actor": f"actor-{n % 1000}", "role": "Spokesperson"}],
            "topics": [f"topic-{n % 50}"],
            "said_at": "2022-01-01",
            "content": {"text": said, "lang": lang, "mode": "verbatim"},
            "evidence": [{"url": f"https://news.example/{n}", "outlet": "The Daily"}],
            "coder": "bench",
        }
        yield n, json.dumps(document, ensure_ascii=False)


def fill(url: str, count: int, vocabulary: Mapping[str, list[str]]) -> None:
    """Insert statements and actors; print what search costs."""
    costs: dict[str, list[float]] = {}
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET maintenance_work_mem = '256MB'")
        conn.execute("CREATE UNLOGGED TABLE public.docs (n bigint, doc jsonb)")
        with conn.cursor().copy("COPY public.docs FROM STDIN") as copy:
            for document in documents(count, vocabulary):
                copy.write_row(document)
                bench.progress("documents", document[0] + 1, count)
        for name, column in (
            ("words as they are", "to_tsvector('simple'::regconfig, doc #>> '{content,text}')"),
            ("search column", "projections.searchable(doc)"),
        ):
            bench.say(f"computing: {name}")
            sample = f"SELECT max(length({column})) FROM (SELECT * FROM public.docs LIMIT 50000) d"
            start = time.perf_counter()
            conn.execute(sample.encode())
            costs[name] = [(time.perf_counter() - start) / min(count, 50_000) * 1e6]
        conn.execute("DROP INDEX projections.statements_search")
        bench.say("inserting")
        conn.execute(_INSERT)
        for (name, cost), (index, create) in zip(
            costs.items(),
            {"statements_before": _BEFORE, "statements_search": _SEARCH_INDEX}.items(),
            strict=True,
        ):
            bench.say(f"index: {name}")
            start = time.perf_counter()
            conn.execute(create)
            seconds = time.perf_counter() - start
            size = conn.execute("SELECT pg_relation_size('projections.' || %s)", [index]).fetchone()
            cost += [seconds, size[0] / 2**20 if size else 0]
        conn.execute(_ACTORS, [count // 10])
        conn.execute("INSERT INTO projections.clock VALUES (1, '2024-01-01', 0, 1)")
        for projection in PROJECTIONS:
            conn.execute(
                "INSERT INTO projections.checkpoints (name, generation, fold, size, live)"
                " VALUES (%s, 1, %s, %s, true)",
                [projection.name, projection.fold_number, count],
            )
        bench.say("vacuum")
        conn.execute("DROP TABLE public.docs")
        conn.execute("VACUUM ANALYZE")
    print(f"\n**{count:,} statements of {WORDS} words in {len(vocabulary)} languages**\n")
    print("| | us a statement | index, s to build | index, MiB |\n|---|---:|---:|---:|")
    for name, (each, seconds, size_) in costs.items():
        print(f"| {name} | {each:.0f} | {seconds:.0f} | {size_:.0f} |")


async def search(url: str, vocabulary: Mapping[str, list[str]], times: int) -> None:
    """Print the time of each search, the first page of 50, and of a page far down."""
    frequent = {"most": vocabulary["en"][0], "some": vocabulary["en"][60]}
    pool = db.pool(url, role="onrecord_query", size=1)
    await pool.open()
    print("\n| search | rows | p50, ms | p99, ms |\n|---|---:|---:|---:|")
    latest = datetime.max.replace(tzinfo=UTC)
    for name, (kind, typed) in SEARCHES.items():
        params = {"q": typed.format(**frequent), "known_size": None, "limit": 51}
        if kind == "actors":
            steps = [queries.registry_page("actors", {"q"})]
            await measure(pool, name, steps, {**params, "after": ""}, times)
            continue
        steps = [queries.statements_page({"q_nearby", "in_order"}), queries.statements_page({"q"})]
        await measure(pool, name, steps, {**params, "before": latest, "made_seq": NEVER}, times)
        if name == "the most frequent word":
            deep = {**params, "before": datetime(2000, 1, 1, tzinfo=UTC), "made_seq": NEVER}
            await measure(pool, f"{name}, a page far down", steps, deep, times)
            await measure(
                pool,
                f"{name}, by the index alone",
                steps[1:],
                {**params, "before": latest, "made_seq": NEVER},
                min(times, 5),
            )
    await pool.close()


async def measure(
    pool: db.Pool, name: str, steps: Sequence[ClauseElement], params: Mapping[str, Any], times: int
) -> None:
    """Run a search as the read API does: the next query only where a page is not full."""
    taken = []
    for _ in range(times + 1):
        start = time.perf_counter()
        for query in steps:
            rows = await db.fetch_all(pool, query, params)
            if len(rows) == params["limit"]:
                break
        taken.append((time.perf_counter() - start) * 1000)
    taken = sorted(taken[1:])
    count = sum(row["id"] is not None for row in rows)
    p99 = taken[min(len(taken) - 1, int(len(taken) * 0.99))]
    print(f"| {name} | {count} | {median(taken):.1f} | {p99:.1f} |", flush=True)


def record(url: str, count: int, vocabulary: Mapping[str, list[str]]) -> None:
    """Record statements, each with a position."""
    with writer(url) as conn:
        append(conn, [seal_request(request) for request in statements.registrations()])
        made = documents(count, vocabulary)
        while batch := list(itertools.islice(made, 250)):
            requests = []
            for n, document in batch:
                body = {**statements.body(n), "content": json.loads(document)["content"]}
                position = {"actor": body["speakers"][0]["actor"], "topic": body["topics"][0]}
                position |= {"stance": "support", "summary": "For it.", "effective": "2022"}
                checked = StatementIn.model_validate({**body, "positions": [position]})
                requests.append(write_requests.new_statement(checked, checked.id or new_id()))
            append(conn, [seal_request(request) for request in requests])


def fold_rate_with(url: str, searchable: str) -> float:
    """Entries a second that one worker folds, with a definition of the search column."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(searchable.encode())
    return catch_up.fold_rate(url, PROJECTIONS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="statements")
    parser.add_argument("--times", type=int, default=50, help="each search is run so often")
    parser.add_argument("--entries", type=int, default=20_000, help="folded in a slice")
    parser.add_argument("--slices", type=int, default=5)
    args = parser.parse_args()
    tune_gc()
    chance = random.Random(0)
    vocabulary = {lang: words(lang, chance) for lang in SYLLABLES}
    with bench.postgres() as server:
        url = bench.migrated(server, "search")
        fill(url, args.count, vocabulary)
        asyncio.run(search(url, vocabulary, args.times))
        for name, spoken in (("English", {"en": vocabulary["en"]}), ("five languages", vocabulary)):
            folded = bench.migrated(server, f"fold_{len(spoken)}")
            record(folded, args.entries // 2, spoken)
            with psycopg.connect(folded) as conn:
                (definition,) = conn.execute(_DEFINITION).fetchone() or ("",)
            figures = bench.alternate(
                {
                    "search column": partial(fold_rate_with, folded, definition),
                    "words as they are": partial(fold_rate_with, folded, _AS_THEY_ARE),
                },
                slices=args.slices,
                before=lambda: bench.settle(server),
            )
            title = f"All projections, {args.entries:,} entries, statements in {name}"
            bench.table(title, figures, unit="entries/s", target=0.85)


if __name__ == "__main__":
    main()
