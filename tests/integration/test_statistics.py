"""Reads of a record that was written in a moment, whose tables autovacuum has not analyzed yet."""

from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

import onrecord
from onrecord.domain.event_types import CHANGE_TYPE
from onrecord.kit.sql import db
from onrecord.projections.engine.rebuild import rebuild_projection
from onrecord.projections.statements import STATEMENTS
from onrecord.webhooks import fan_out
from tests.support import buffers, bulk
from tests.support.histories import position, request
from tests.support.store import Store, run_api

PACKAGE: Final = Path(onrecord.__file__).parent
MOVES: Final = 600
PATHS: Final = [
    "/v1/actors",
    "/v1/actors?q=Actor",
    "/v1/actors/actor-0",
    "/v1/topics",
    "/v1/topics?q=topic",
    "/v1/topics/topic-0",
    "/v1/statements",
    "/v1/statements?actor=actor-0",
    "/v1/statements?topic=topic-0",
    "/v1/statements?actor=actor-0&topic=topic-0",
    "/v1/statements?actor=actor-0&actor=actor-1&topic=topic-0",
    "/v1/statements?actor=nobody",
    "/v1/statements?known_size=100000000",
    "/v1/statements?q=words",
    "/v1/statements?q=17",
    "/v1/statements?said_from=2012&said_to=2013",
    "/v1/statements?known_size=500",
    f"/v1/statements/{bulk.STATEMENT}",
    "/v1/actors/actor-0/topics/topic-0/position",
    "/v1/actors/actor-0/topics/topic-0/position?as_of=2015",
    "/v1/actors/actor-0/topics/topic-0/position?known_at=9999&min_size=1",
    "/v1/actors/actor-0/topics/topic-0/timeline",
    "/v1/actors/actor-0/topics/topic-0/history",
    "/v1/actors/actor-0/positions",
    "/v1/actors/actor-0/positions?as_of=2015-06-15",
    "/v1/topics/topic-0/positions",
    "/v1/positions",
    "/v1/positions?as_of=2015&actor=actor-0&actor=actor-1",
    "/v1/positions?topic=topic-0&topic=topic-1",
    "/v1/positions?topic=topic-0&actor=actor-0&actor=actor-1",
    "/v1/positions?stance=support",
    "/v1/positions?actor=wikidata:Q1",
    f"/v1/positions/{bulk.POSITION}",
    "/v1/names?kind=actor&name=Actor-1",
    "/v1/names?kind=topic&name=topic+one",
    "/v1/quotes/check?text=another+thing+that+nobody+said",
    "/v1/changes",
    "/v1/changes?by=valid",
    "/v1/changes?actor=actor-0",
    "/v1/changes?topic=topic-0",
    "/v1/changes?actor=actor-0&topic=topic-0&by=valid",
    "/v1/changes?kind=adopted",
    "/v1/changes?kind=reversed&by=valid",
    "/v1/changes?change_size=3",
    "/v1/changes?effective_from=2012&effective_to=2013",
    "/v1/changes?recorded_from=2020",
    "/v1/review?kind=unsupported",
    "/v1/review?kind=same_words",
    "/v1/review?kind=contradiction",
    "/v1/review?kind=unsupported&dismissed=true",
    "/v1/review?kind=contradiction&dismissed=true",
    "/v1/events",
    "/v1/events?actor=actor-0",
    "/v1/events?actor=actor-0&topic=topic-0&type=position.changed",
    "/v1/events?kind=adopted",
    f"/v1/events/{bulk.STATEMENT}",
    "/v1/projections",
    "/v1/endpoints",
    "/readyz",
]
PAGES: Final = [
    "/",
    "/?actor=actor-0&topic=topic-0&recorded_from=2020&recorded_to=2100",
    f"/statements/{bulk.STATEMENT}",
    "/actors/actor-0/topics/topic-0?since=2020",
]
HTML: Final = {"Accept": "text/html"}
ENDPOINTS: Final = """
WITH created AS (
    INSERT INTO webhooks.endpoints
        (id, url, types, actors, topics, kinds, ordered, encrypted_secret, size)
    SELECT gen_random_uuid(), 'http://127.0.0.1:1/', '{}', ARRAY['actor-' || n % 40], '{}', '{}',
        false, 'none', 0
    FROM generate_series(1, 1000) n RETURNING id, actors
)
INSERT INTO webhooks.interests (by, name, endpoint) SELECT 'actor', actors[1], id FROM created
"""
ROWS: Final = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")
DRY_RUN: Final = "/v1/endpoints/dry-run"
QUERIES: Final = ("projections/queries", "audit/queries")
OF_LIVE_STREAMS: Final = {"changes_known_size.sql"}  # which do not end


def count_buffers(url: str) -> dict[str, int]:
    """The buffers that each path goes through; all queries of reads must be among them."""
    by_path, texts = {}, set[str]()
    with buffers.counted() as counts, run_api(url) as client:
        for path in [*PATHS, *PAGES, DRY_RUN]:
            counts.clear()
            if path == DRY_RUN:
                answer = client.post(path, json={"actors": ["actor-0"]})
            else:
                answer = client.get(path, headers=HTML if path in PAGES else None)
            stands_still = path == "/readyz" and answer.status_code == 503  # no worker runs here
            assert answer.status_code in (200, 422) or stands_still, (path, answer.text)
            by_path[path] = sum(counts.values())
            texts |= counts.keys()
    files = [path for folder in QUERIES for path in (PACKAGE / folder).glob("*.sql")]
    first_lines = {path.name: path.read_text().splitlines()[0] for path in files}
    assert OF_LIVE_STREAMS == {
        name
        for name, line in first_lines.items()
        if not any(query.startswith(line) for query in texts)
    }
    return by_path


def write_record(store: Store, conn: psycopg.Connection[Any], *, planted: bool) -> None:
    """`planted`: tables are analyzed while they hold two timelines only."""
    bulk.register_cast(store)
    if planted:
        bulk.write(store, 60, actors=bulk.ACTORS[:1], topics=bulk.TOPICS[:2], seed=1)
        store.catch_up()
        conn.execute("ANALYZE")
    bulk.write(store, MOVES)
    for overlapping in ("2015", "2015-06"):
        dated = position(actor="actor-0", topic="topic-0", effective=overlapping)
        store.append(request(uuid4(), dated))
    store.catch_up()
    bulk.merge_actors(store)
    store.catch_up()


@pytest.mark.parametrize("planted", [False, True])
def test_reads_do_not_wait_for_autovacuum(store: Store, planted: bool) -> None:
    """The worker has analyzed what grew fast: no read pays more than three times its due."""
    with bulk.never_analyzed(store.url) as conn:
        write_record(store, conn, planted=planted)
        before = count_buffers(store.url)
        conn.execute("ANALYZE")
        after = count_buffers(store.url)
    slow = {path: (before[path], after[path]) for path in before if before[path] > 3 * after[path]}
    assert {} == slow


def test_a_read_before_the_first_analysis_is_not_a_hundred_times_as_slow(store: Store) -> None:
    """The planner knows nothing of the tables, between the commit of a page and its analysis."""
    with bulk.never_analyzed(store.url) as conn:
        conn.execute(
            "CREATE OR REPLACE FUNCTION projections.analyze_grown() RETURNS void"
            " LANGUAGE sql AS 'SELECT'"
        )
        write_record(store, conn, planted=False)
        before = count_buffers(store.url)
        conn.execute("ANALYZE")
        after = count_buffers(store.url)
    slow = {
        path: (before[path], after[path]) for path in before if before[path] > 100 * after[path]
    }
    assert {} == slow


def test_a_sweep_analyzes_what_a_rebuild_has_filled(store: Store) -> None:
    with bulk.never_analyzed(store.url) as conn:
        bulk.register_cast(store)
        bulk.write(store, MOVES)
        store.catch_up()
        for _ in range(2):  # the old generations leave their pages behind
            rebuild_projection(store.engine, STATEMENTS, lambda *_: None)
        store.sweep()
        pages = conn.execute(
            "SELECT relpages, pg_relation_size(oid) / 8192 FROM pg_class"
            " WHERE oid = 'projections.statements'::regclass"
        ).fetchone()
    assert pages
    assert pages[1] <= 2 * pages[0]


def test_the_fan_out_reads_only_endpoints_that_may_want_an_event(store: Store) -> None:
    """Also while nothing is known of the tables: a thousand endpoints were created just now."""
    with bulk.never_analyzed(store.url) as conn:
        bulk.register_cast(store)
        conn.execute(ENDPOINTS)
        bulk.write(store, 100)
        store.catch_up()
        before = fan_out_rows(store)
        conn.execute("ANALYZE")
        assert before < 3 * fan_out_rows(store)


def fan_out_rows(store: Store) -> int:
    """The rows that inserting the deliveries of a hundred events goes through, in all its steps."""

    def rows(plan: dict[str, Any]) -> float:
        own = sum(plan.get(name, 0) for name in ROWS) * plan["Actual Loops"]
        return float(own + sum(map(rows, plan.get("Plans", []))))

    # the statement itself, as it runs
    explain = text("EXPLAIN (ANALYZE, FORMAT JSON) " + fan_out._INSERT.text)
    params = {"start": 60, "end": 160, "change_type": CHANGE_TYPE}
    with store.webhooks_engine.connect() as conn:
        (explained,) = conn.execute(explain, params).scalar_one()
        conn.rollback()
    return int(rows(explained["Plan"]))


def test_only_the_worker_may_analyze(store: Store) -> None:
    for role in ("onrecord_query", "onrecord_audit", "onrecord_ingest", "onrecord_webhooks"):
        with db.connect(store.url, role=role) as conn, pytest.raises(psycopg.Error):
            conn.execute("SELECT projections.analyze_grown()")
