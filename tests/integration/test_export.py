"""Tests of exports: what the files say, read by DuckDB and pandas, against the read API."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from onrecord.domain.dates import format_instant, last_instant
from onrecord.exporting.columns import TABLE_SCHEMAS
from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.ledger.merkle import Frontier
from tests.support import bodies, exports, seeds
from tests.support.sample_record import ERASED_WORDS, SampleRecord, all_items

AS_OF = "2022-12-31"
JOINED = """
SELECT positions.actor, positions.stance, statements.text, events.event ->> '$.content.text'
FROM positions
    CROSS JOIN unnest(positions.basis) basis (statement)
    JOIN statements ON statements.id = basis.statement
    JOIN events ON events.id = statements.event
WHERE positions.topic = 'talks-with-putin' AND events.type = 'statement.made'
ORDER BY ALL
"""
"""Joins the tables with the events; each statement's words come from both."""


@pytest.fixture(scope="module")
def folder(sample: SampleRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of the sample, positions as of a date."""
    path = tmp_path_factory.mktemp("exported")
    exports.export(sample.store.url, path, as_of=last_instant(AS_OF))
    return path


@pytest.fixture(scope="module")
def query(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with a view for each table."""
    with duckdb.connect() as conn:
        conn.execute("SET TimeZone = 'UTC'")
        for name in TABLE_SCHEMAS:
            conn.execute(f"CREATE VIEW {name} AS FROM '{folder}/{name}.parquet'")
        conn.execute(f"CREATE VIEW events AS FROM '{folder}/events/*.parquet'")
        yield conn


def rows(query: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found = query.execute(sql)
    assert found.description
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def size_of(folder: Path) -> int:
    return int(exports.footer(folder / "positions.parquet")["size"])


def test_a_query_joins_positions_statements_and_events(
    query: duckdb.DuckDBPyConnection, sample: SampleRecord, folder: Path
) -> None:
    joined = query.execute(JOINED).fetchall()
    expected = []
    for item in all_items(
        sample.client,
        "/v1/topics/talks-with-putin/positions",
        as_of=AS_OF,
        known_size=size_of(folder),
    ):
        path = f"/v1/actors/{item['actor']}/topics/talks-with-putin/position"
        answer = bodies.get(sample.client, path, as_of=AS_OF, known_size=size_of(folder))
        for statement in answer["statements"]:
            text = statement["content"]["text"]
            expected.append((answer["actor"], answer["stance"], text, text))
    assert len(expected) == 3
    assert sorted(expected) == joined


def test_steps_are_those_of_the_read_api(
    query: duckdb.DuckDBPyConnection, sample: SampleRecord, folder: Path
) -> None:
    known = {"known_size": size_of(folder)}
    topics = [item["id"] for item in all_items(sample.client, "/v1/topics")]
    held: list[Any] = []
    for topic in topics:
        path = f"/v1/topics/{topic}/positions"
        held += all_items(sample.client, path, as_of=AS_OF, **known)
    for table, items in (
        ("positions", held),
        ("changes", all_items(sample.client, "/v1/changes", **known)),
    ):
        exported = {
            (row["actor"], row["topic"], row["id"]): row for row in rows(query, f"FROM {table}")
        }
        assert len(items) == len(exported)
        for item in items:
            row = exported[item["actor"], item["topic"], item["id"]]
            expected = flattened(item)
            assert expected == {name: as_json(row[name]) for name in expected}


def key(step: Any) -> tuple[Any, ...]:
    return step["actor"], step["topic"], step["id"]


def flattened(item: Any) -> dict[str, Any]:
    """A step as the API answers it, in the columns of the export."""
    step = {**item, "retracted_basis": [retracted["id"] for retracted in item["retracted_basis"]]}
    previous = step.pop("previous") or {"id": None, "stance": None, "since": None}
    step |= {f"previous_{name}": value for name, value in previous.items()}
    return step


def as_json(value: Any) -> Any:
    """A value of DuckDB as the API writes it."""
    if hasattr(value, "tzinfo"):
        return format_instant(value)
    return value


def test_statements_have_their_words_and_say_what_is_erased(
    query: duckdb.DuckDBPyConnection, sample: SampleRecord, folder: Path
) -> None:
    items: list[Any] = all_items(sample.client, "/v1/statements", known_size=size_of(folder))
    exported = {row["id"]: row for row in rows(query, "FROM statements")}
    assert {item["id"] for item in items} == exported.keys()
    for item in items:
        row = exported[item["id"]]
        content = item["content"]
        assert [content.get("text"), content["lang"], item["said_latest"], item["status"]] == [
            row["text"],
            row["lang"],
            as_json(row["said_latest"]),
            row["status"],
        ]
        assert [speaker["actor"] for speaker in item["speakers"]] == row["speaker_ids"]
        assert [e.get("url") for e in item["evidence"]] == [e["url"] for e in row["evidence"]]
    erased = exported[sample.erased]
    assert [None, "Emma-2", "emma", None] == [
        erased["text"],
        *(erased["speakers"][0][name] for name in ("actor_label", "counts_as", "role")),
    ]
    assert {"content", "evidence", "roles"} == {item["section"] for item in erased["erased"]}
    assert {"gdpr-17"} == {item["ground"] for item in erased["erased"]}


def test_events_are_the_entries_byte_for_byte_with_their_words(
    query: duckdb.DuckDBPyConnection, sample: SampleRecord, folder: Path
) -> None:
    answer = sample.client.get("/v1/events", headers={"Accept": "application/x-ndjson"})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    exported = rows(query, "FROM events ORDER BY seq")
    assert [line["entry"] for line in lines] == [json.loads(row["entry"]) for row in exported]
    for line, row in zip(lines, exported, strict=True):
        assert (
            line["entry"]["data"].items() <= {**json.loads(row["event"])}.items() or line["payload"]
        )
        assert line["payload"] == {
            item["section"]: {"salt": item["salt"].hex(), "value": json.loads(item["value"])}
            for item in row["payload"]
        }
        assert line["erased"] == {item["section"]: item["ground"] for item in row["erased"]}
        assert leaf_hash(row["entry"]) == row["leaf_hash"]
    root = Frontier().extended(row["leaf_hash"] for row in exported).root().hex()
    (path,) = (folder / "events").iterdir()
    assert "000000000000-000000065535.parquet" == path.name
    written = exports.footer(path)
    assert (root, str(len(lines)), "0") == (
        written["root_hash"],
        written["size"],
        written["first_seq"],
    )


def test_all_footers_name_the_installation_and_one_size(sample: SampleRecord, folder: Path) -> None:
    footers = {path.name: exports.footer(path) for path in folder.rglob("*.parquet")}
    assert {*(f"{name}.parquet" for name in TABLE_SCHEMAS)} < footers.keys()
    size = len(sample.store.events())
    common = {
        (f["source"], f["size"], f["root_hash"], f["schema_version"]) for f in footers.values()
    }
    assert 1 == len(common)
    (source, known_size, _, _) = common.pop()
    assert source.startswith("urn:uuid:")
    assert str(size) == known_size
    assert "2022-12-31T23:59:59.999999Z" == footers["positions.parquet"]["as_of"]


def test_pandas_reads_times_with_their_zone_and_no_erased_words(folder: Path) -> None:
    changes = pd.read_parquet(folder / "changes.parquet")
    assert ["UTC", "UTC"] == [
        str(changes[name].dtype.tz) for name in ("effective_latest", "recorded_at")
    ]
    assert changes["effective_earliest"].isna().any()  # of ../2022-11
    assert changes["stance_value"].between(-2, 2).any()
    events = pd.read_parquet(folder / "events")
    assert [*range(len(events))] == sorted(events["seq"])
    files = b"".join(exports.visible_files(folder).values())
    assert ERASED_WORDS.encode() not in files
    for path in folder.rglob("*.parquet"):  # compressed, they would not be found in the bytes
        assert ERASED_WORDS not in pd.read_parquet(path).to_string()


def test_the_examples_of_the_documentation_run(
    query: duckdb.DuckDBPyConnection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (seeds.ROOT / "ops" / "docs" / "exports.md").read_text()
    (statements,) = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    for statement in statements.replace("record/", f"{folder}/").split(";\n"):
        if statement.strip():
            assert query.execute(statement).fetchall(), statement
    (script,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (folder.parent / "record").symlink_to(folder)
    monkeypatch.chdir(folder.parent)
    exec(script, {})
    assert folder == (folder.parent / "record").readlink()


def test_the_files_need_no_arrow_extension(folder: Path) -> None:
    """Types that every reader of Parquet knows."""
    for schema in TABLE_SCHEMAS.values():
        assert not any(isinstance(column.type, pa.BaseExtensionType) for column in schema)
