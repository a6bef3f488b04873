"""Pages of events: what is on them, and how much of the ledger a page reads, for all filters.

On a ledger of 20,000 entries, inserted by SQL; a filter in Python says what a page should be.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from onrecord.audit import filters as event_filters
from onrecord.kit.sql.db import compiled
from tests.support import postgres

SIZE = 20_000
TYPES = ("statement.made", "position.changed", "topic.revised")
ACTORS = (*(f"actor-{n}" for n in range(7)), "rare", "nobody")
TOPICS = (*(f"topic-{n}" for n in range(5)), "nothing")
FILL = f"""
CREATE TEMP TABLE new AS
SELECT seq, CASE WHEN seq % 9 = 0 THEN 'position.changed' ELSE 'statement.made' END AS type,
       CASE WHEN seq % 1999 = 7 THEN 'rare' ELSE 'actor-' || seq % 7 END AS actor,
       'topic-' || seq % 5 AS topic
FROM generate_series(0, {SIZE} - 1) seq;
INSERT INTO ledger.entries
SELECT seq, gen_random_uuid(), entry, sha256('\\x00'::bytea || entry)
FROM (SELECT seq, convert_to('{{"seq":' || seq || '}}', 'UTF8') AS entry FROM new) filled;
INSERT INTO ledger.touches
SELECT 'type', type, seq FROM new UNION ALL SELECT 'actor', actor, seq FROM new
UNION ALL SELECT 'topic', topic, seq FROM new;
INSERT INTO ledger.payloads
SELECT seq, section, sha256('salt'), convert_to('"' || section || seq || '"', 'UTF8')
FROM new, unnest(ARRAY['content', 'evidence', 'note']) section;
"""
Filters = dict[str, list[str]]
CASES: list[Filters] = [
    {},
    {"actors": ["rare"]},
    {"actors": ["nobody"], "types": ["statement.made"]},
    {"actors": ["rare"], "types": ["statement.made"]},
    {"actors": ["rare", "nobody"], "topics": ["topic-1"], "types": ["topic.revised"]},
    {"actors": ["actor-3"], "types": ["statement.made"]},
    {"topics": ["topic-3", "nothing"], "types": ["position.changed"]},
    {"topics": ["nothing"], "types": ["statement.made"]},
    {"types": ["statement.made"]},
    {"types": ["topic.revised"]},
]
TYPES_OF_PARAMS = {
    "max_entries": "bigint",
    "start": "bigint",
    "limit": "bigint",
    "lead_kind": "text",
}
"""All others are names."""
MAX_BYTES = 8 * 2**20
"""Of entries and payloads on a page; as in `events.sql`."""
BLOCKS = 500
"""Some 16 for each of ten entries, and 3 for each that another filter holds back: up to 90 here."""


@dataclass(frozen=True)
class Entry:
    """An entry as the naive filter sees it."""

    seq: int
    actor: str
    topic: str
    type: str


@pytest.fixture(scope="module")
def ledger(server_url: str, template: str) -> Iterator[psycopg.Connection[Any]]:
    with (
        postgres.database(server_url, template) as url,
        psycopg.connect(url, autocommit=True, row_factory=dict_row) as conn,
    ):
        conn.execute(FILL.encode())
        yield conn


@pytest.fixture(scope="module")
def entries(ledger: psycopg.Connection[Any]) -> list[Entry]:
    rows = ledger.execute("SELECT seq, actor, topic, type FROM new ORDER BY seq")
    return [Entry(**row) for row in rows]


def page(
    conn: psycopg.Connection[Any], filters: Filters, start: int, limit: int
) -> tuple[list[int], int | None, int | None]:
    """The seqs on a page, where the next one begins, and where an unfinished search goes on."""
    given = event_filters.Filters(**filters)
    query = compiled(given.page)
    params = {**given.params, "start": start, "limit": limit}
    (row,) = conn.execute(query, params, binary=True)
    lines = [json.loads(line) for line in row["lines"].splitlines()]
    return [line["entry"]["seq"] for line in lines], row["next"], row.get("horizon")


def lists_of(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=3)


FILTERS = st.fixed_dictionaries(
    {}, optional={"actors": lists_of(ACTORS), "topics": lists_of(TOPICS), "types": lists_of(TYPES)}
)


@settings(max_examples=100, deadline=None)
@given(
    filters=FILTERS,
    start=st.integers(0, SIZE + 1),
    limit=st.one_of(st.integers(1, 20), st.integers(1, 2_000)),
)
def test_a_page_is_what_a_filter_in_python_leaves(
    ledger: psycopg.Connection[Any],
    entries: list[Entry],
    filters: Filters,
    start: int,
    limit: int,
) -> None:
    passing = [
        entry.seq
        for entry in entries[start:]
        if all(getattr(entry, name[:-1]) in names for name, names in filters.items())
    ]
    found, beyond, horizon = page(ledger, filters, start, limit)
    while beyond is None and horizon is not None:  # many entries of the leading names
        missing = limit - len(found)
        more, beyond, horizon = page(ledger, filters, horizon, max(missing, 1))
        found, beyond = found + more[:missing], beyond if missing else next(iter(more), None)
    assert (passing[:limit], passing[limit] if len(passing) > limit else None) == (found, beyond)


def test_a_page_is_short_where_many_entries_do_not_pass(
    ledger: psycopg.Connection[Any], entries: list[Entry]
) -> None:
    """Of three names a query looks at a third of `MAX_ENTRIES` each."""
    filters = {"topics": ["topic-0", "topic-1", "topic-2"], "types": ["position.changed"]}
    found, beyond, horizon = page(ledger, filters, 0, 2_000)
    assert beyond is None
    assert horizon == next(
        entry.seq
        for entry in entries[event_filters.MAX_ENTRIES // 3 * 5 :]
        if entry.topic == "topic-0"
    )
    assert len(found) > 1_000


def test_a_page_reads_no_more_of_the_ledger_than_it_gives(
    ledger: psycopg.Connection[Any],
) -> None:
    """Without statistics too, and by a plan that knows none of the parameters."""
    for statistics in ("", "ANALYZE ledger.entries, ledger.touches, ledger.payloads"):
        if statistics:
            ledger.execute(statistics.encode())
        for mode in ("custom", "generic"):
            ledger.execute(f"SET plan_cache_mode = force_{mode}_plan".encode())
            read_ = {
                (str(filters), start): blocks(ledger, filters, start)
                for filters in CASES
                for start in (0, SIZE // 2, SIZE - 3)
            }
            assert {} == {case: count for case, count in read_.items() if count > BLOCKS}
            # proves that the meter counts: a plan without figures would pass the line above
            assert max(read_.values()) > 100


def blocks(conn: psycopg.Connection[Any], filters: Filters, start: int) -> int:
    """How many blocks a page of ten touches, once planned."""
    given = event_filters.Filters(**filters)
    params = {**given.params, "start": start, "limit": 10}
    query, names = compiled(given.page).decode(), list(params)
    query = re.sub(r"%\((\w+)\)s", lambda name: f"${names.index(name[1]) + 1}", query)
    types = ", ".join(TYPES_OF_PARAMS.get(name, "text[]") for name in names)
    values = ", ".join(
        f"'{{{','.join(value)}}}'" if isinstance(value, list) else f"'{value}'"
        for value in params.values()
    )
    conn.execute(f"PREPARE page ({types}) AS {query}".encode(), prepare=False)
    try:
        plan = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE page ({values})"
        conn.execute(plan.encode(), prepare=False)
        (row,) = conn.execute(plan.encode(), prepare=False)
    finally:
        conn.execute("DEALLOCATE page")
    top = row["QUERY PLAN"][0]["Plan"]
    total: int = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
    return total


def test_a_page_ends_where_it_becomes_too_large(ledger: psycopg.Connection[Any]) -> None:
    words = f'"{"x" * 999_998}"'.encode()
    with ledger.transaction(force_rollback=True):
        for seq in range(SIZE, SIZE + 30):
            ledger.execute(
                "INSERT INTO ledger.entries SELECT %s, gen_random_uuid(), e,"
                " sha256('\\x00'::bytea || e) FROM (SELECT %s::bytea AS e) entry",
                [seq, b'{"seq":%d}' % seq],
            )
            ledger.execute(
                "INSERT INTO ledger.payloads VALUES (%s, 'content', 'salt', %s)", [seq, words]
            )
        seen: list[int] = []
        at: int | None = SIZE - 5
        pages = 0
        while at is not None:
            seqs, at, _ = page(ledger, {}, at, 1_000)
            assert 1 <= len(seqs) <= 5 + MAX_BYTES // len(words) + 1
            seen += seqs
            pages += 1
    assert list(range(SIZE - 5, SIZE + 30)) == seen
    assert pages == 4
