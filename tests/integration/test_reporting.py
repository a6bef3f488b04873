"""Tests of the schema `reporting`: what its views say, and what its role may read."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from psycopg import sql
from psycopg.rows import dict_row

from onrecord.domain.dates import bounds, format_instant
from onrecord.kit.sql import db
from tests.support.histories import History, histories
from tests.support.long_histories import long_history
from tests.support.oracle import STANDARD, Oracle, run_oracle
from tests.support.sample_record import (
    ERASED_WORDS,
    SECRET_PATH,
    SampleRecord,
    all_items,
)

ROLE = "onrecord_reporting"
VIEWS = [
    *("actors", "topics", "positions", "position_changes"),
    *("statements", "statement_speakers", "statement_topics", "evidence"),
    *("events_by_day", "deliveries", "deliveries_by_outcome", "projection_lag"),
]
OF_USERS = "nspname !~ '^pg_(?!temp)' AND nspname <> 'information_schema'"


def rows(conn: psycopg.Connection[Any], view: str, where: str = "true") -> list[dict[str, Any]]:
    query = sql.SQL("SELECT * FROM reporting.{} WHERE " + where)
    return conn.execute(query.format(sql.Identifier(view))).fetchall()


def test_each_view_has_rows_and_nothing_without_a_comment(
    reader: psycopg.Connection[Any], sample: SampleRecord
) -> None:
    with psycopg.connect(sample.store.url) as conn:
        commented = conn.execute(
            "SELECT relname, obj_description(c.oid) IS NOT NULL, bool_and(col_description(c.oid,"
            " attnum) IS NOT NULL) FROM pg_class c JOIN pg_attribute ON attrelid = c.oid"
            " WHERE relnamespace = 'reporting'::regnamespace AND attnum > 0 GROUP BY c.oid"
        ).fetchall()
    assert sorted((view, True, True) for view in VIEWS) == sorted(commented)
    assert [] == [view for view in VIEWS if not rows(reader, view)]


def test_the_role_reads_the_views_and_nothing_else(
    reader: psycopg.Connection[Any], sample: SampleRecord
) -> None:
    """Every other relation, column, sequence and function of the database is tried."""
    with psycopg.connect(sample.store.url) as conn:
        relations = conn.execute(
            "SELECT format('%I.%I', nspname, relname) FROM pg_class"
            " JOIN pg_namespace n ON n.oid = relnamespace"
            f" WHERE relkind IN ('r', 'v', 'm', 'p', 'S', 'f') AND {OF_USERS}"
            " AND nspname <> 'reporting'"
        ).fetchall()
        functions = conn.execute(
            "SELECT format('%I.%I', nspname, proname), pronargs FROM pg_proc p"
            " JOIN pg_namespace n ON n.oid = pronamespace"
            " LEFT JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'"
            f" WHERE {OF_USERS} AND d.objid IS NULL AND prorettype <> 'trigger'::regtype"
        ).fetchall()
    assert len(relations) > 15
    assert len(functions) > 10
    statements = [f"SELECT * FROM {name}" for (name,) in relations]
    statements += [f"SELECT {name}({', '.join(['NULL'] * count)})" for name, count in functions]
    statements += [
        "DELETE FROM reporting.topics",
        "CREATE TABLE public.mine ()",
        "CREATE VIEW reporting.mine AS SELECT",
    ]
    allowed = []
    for statement in statements:
        try:
            reader.execute(statement.encode())
        except (
            psycopg.errors.InsufficientPrivilege,
            psycopg.errors.ObjectNotInPrerequisiteState,  # a view that nobody can write
        ):
            continue
        allowed.append(statement)
    assert [] == allowed
    members = "SELECT FROM pg_auth_members WHERE member = 'onrecord_reporting'::regrole"
    assert [] == reader.execute(members).fetchall()  # it may take no other role


def test_a_login_of_the_role_is_limited_and_reads_only(sample: SampleRecord) -> None:
    with psycopg.connect(sample.store.url) as conn:
        row = conn.execute(
            "SELECT rolcanlogin, rolsuper, setconfig FROM pg_roles LEFT JOIN pg_db_role_setting"
            " ON setrole = pg_roles.oid AND setdatabase = 0 WHERE rolname = %s",
            [ROLE],
        ).fetchone()
    assert (False, False, ["default_transaction_read_only=on", "statement_timeout=30s"]) == row


def test_no_view_has_a_secret_or_erased_words(
    reader: psycopg.Connection[Any], sample: SampleRecord
) -> None:
    text = str([rows(reader, view) for view in VIEWS])
    assert "127.0.0.1" in text  # the host of the endpoint
    assert [] == [part for part in (SECRET_PATH, "whsec_", ERASED_WORDS) if part in text]
    (statement,) = rows(reader, "statements", f"id = '{sample.erased}'")
    assert (None, ["content", "evidence", "roles"]) == (
        statement["text"],
        sorted(statement["erased"]),
    )


def test_positions_and_changes_are_those_of_the_read_api(
    reader: psycopg.Connection[Any], sample: SampleRecord
) -> None:
    topics = [item["id"] for item in all_items(sample.client, "/v1/topics")]
    held = [
        item
        for topic in topics
        for item in all_items(sample.client, f"/v1/topics/{topic}/positions")
    ]
    same = ("certainty", "since")
    assert_same_steps(rows(reader, "positions"), [item for item in held if item["id"]], *same)
    changes = all_items(sample.client, "/v1/changes")
    assert_same_steps(rows(reader, "position_changes"), changes, "late")
    labels = {row["actor"]: row["actor_label"] for row in rows(reader, "positions")}
    assert ("Emma", "Joe Biden") == (labels["emma"], labels["biden"])


def assert_same_steps(given: list[dict[str, Any]], items: list[Any], *more: str) -> None:
    names = (
        *("id", "actor", "recorded_as", "topic", "stance", "condition", "summary", "effective"),
        *("kind", "change_size", "basis", "coder", "seq", "recorded_by", *more),
    )
    expected = [
        {name: item[name] for name in names}
        | {"previous": item["previous"] and item["previous"]["stance"]}
        | {"bounds": [item["effective_earliest"], item["effective_latest"]]}
        for item in items
    ]
    answered = [
        {name: row[name] for name in names}
        | {"id": str(row["id"]), "basis": [str(id_) for id_ in row["basis"]]}
        | {"previous": row["previous_stance"]}
        | {"bounds": [as_text(row["effective_earliest"]), as_text(row["effective_latest"])]}
        for row in given
    ]
    assert sorted(expected, key=lambda step: step["id"]) == sorted(
        answered, key=lambda step: step["id"]
    )


def as_text(instant: Any) -> str | None:
    return None if instant is None else format_instant(instant)


def test_statements_are_those_of_the_read_api(
    reader: psycopg.Connection[Any], sample: SampleRecord
) -> None:
    items: list[Any] = all_items(sample.client, "/v1/statements")
    expected = {
        item["id"]: (
            item["content"].get("text"),
            item["status"],
            item["said_earliest"],
            item["said_latest"],
            len(item["evidence"]),
            item.get("topics", []),
        )
        for item in items
    }
    assert expected == {
        str(row["id"]): (
            row["text"],
            row["status"],
            as_text(row["said_earliest"]),
            as_text(row["said_latest"]),
            row["evidence_count"],
            row["topics"],
        )
        for row in rows(reader, "statements")
    }
    for actor in ("emma", "biden"):  # emma-2 is merged into emma
        of_actor = {
            item["id"]
            for item in all_items(sample.client, "/v1/statements", actor=actor)
            if actor == "emma" or actor in [speaker["actor"] for speaker in item["speakers"]]
        }
        joined = rows(reader, "statement_speakers", f"actor = '{actor}'")
        assert of_actor == {str(row["statement"]) for row in joined}
        assert of_actor == {
            str(row["id"]) for row in rows(reader, "statements", f"'{actor}' = ANY (speakers)")
        }
    readings = rows(reader, "statement_topics", "topic = 'talks'")
    assert {"support", "conditional_support"} <= {row["stance"] for row in readings}


def test_dates_of_evidence_have_the_bounds_of_the_domain(
    reader: psycopg.Connection[Any], sample: SampleRecord
) -> None:
    dated = [row for row in rows(reader, "evidence") if row["published_at"]]
    assert {"../2022-12"} < {row["published_at"] for row in dated}
    for row in dated:
        earliest, latest, _ = bounds(row["published_at"])
        first = None if row["published_at"].startswith("../") else earliest
        assert (first, latest) == (row["published_earliest"], row["published_latest"])


def test_events_of_a_day_are_those_on_record(
    reader: psycopg.Connection[Any], sample: SampleRecord
) -> None:
    expected = dict[str, int]()
    for entry in sample.store.events():
        expected[entry.event.type] = expected.get(entry.event.type, 0) + 1
    counted = reader.execute(
        "SELECT type, sum(events)::int AS events FROM reporting.events_by_day GROUP BY type"
    ).fetchall()
    assert expected == {row["type"]: row["events"] for row in counted}


@pytest.fixture(scope="module")
def oracle(server_url: str, template: str) -> Iterator[Oracle]:
    with run_oracle(server_url, template) as running:
        yield running


@settings(STANDARD, max_examples=15)
@given(histories(8))
def test_what_is_held_now_is_as_certain_as_the_read_api_says(
    oracle: Oracle, history: History
) -> None:
    assert_same_positions(oracle, history)


def test_so_it_is_after_thousands_of_events_with_inexact_dates(oracle: Oracle) -> None:
    assert_same_positions(oracle, long_history(7, 400))


def assert_same_positions(oracle: Oracle, history: History) -> None:
    recorded = oracle.record(history)
    held = [
        item
        for topic in recorded.cast.topics
        for item in recorded.get_all_pages(f"/topics/{topic}/positions") or []
    ]
    with db.connect(oracle.store.url, role=ROLE) as conn:
        conn.row_factory = dict_row
        topics = ", ".join(f"'{topic}'" for topic in recorded.cast.topics)
        given = rows(conn, "positions", f"topic IN ({topics})")
    assert_same_steps(given, [item for item in held if item["id"]], "certainty", "since")
