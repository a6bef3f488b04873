"""Does the database itself keep the ledger as it was written, from whoever has a connection?"""

from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from onrecord.domain.events import PayloadErased
from onrecord.kit.sql import db
from onrecord.ledger import tables
from onrecord.ledger.entry import leaf_hash
from onrecord.projections.tasks import sweeps
from onrecord.webhooks import tables as webhooks
from tests.support.histories import request
from tests.support.ledgers import TABLES, answers, stage, statement, table_rows
from tests.support.store import Store


@pytest.fixture
def staged_store(store: Store) -> Store:
    return stage(store)


def refused_with(url: str, statements: list[str], **settings: str) -> set[str]:
    """The errors that each of these statements fails with; "done" for one that does not."""
    found = set()
    with db.connect(url, **settings) as conn:
        for sql in statements:
            try:
                conn.execute(sql)
                found.add(f"done: {sql}")
            except psycopg.Error as error:
                found.add(type(error).__name__)
    return found


@pytest.mark.parametrize("settings", [{}, {"session_replication_role": "replica"}], ids=str)
@pytest.mark.parametrize("table", TABLES)
def test_not_even_the_owner_of_everything_changes_the_ledger(
    staged_store: Store, table: str, settings: dict[str, str]
) -> None:
    erased = uuid4()
    erasure = PayloadErased(target=erased, sections=("content",), ground="court-order")
    answers(staged_store.append(request(erased, statement()), request(uuid4(), erasure)))
    before = table_rows(staged_store)
    assert all(before.values())
    for column in [one.name for one in tables.metadata.tables[f"ledger.{table}"].columns]:
        tried = [f"UPDATE ledger.{table} SET {column} = {column}"]
        assert refused_with(staged_store.url, tried, **settings) == {"RestrictViolation"}
    tried = [f"DELETE FROM ledger.{table}", f"TRUNCATE ledger.{table}"]
    assert refused_with(staged_store.url, tried, **settings) == {"RestrictViolation"}
    assert before == table_rows(staged_store)


@pytest.mark.parametrize("settings", [{}, {"session_replication_role": "replica"}], ids=str)
def test_of_a_thing_only_its_latest_event_moves_and_only_on(
    staged_store: Store, settings: dict[str, str]
) -> None:
    update = "UPDATE ledger.ids SET seq = seq + {}{}"
    tried = [update.format(-1, ""), update.format(0, ""), update.format(1, ", kind = 'topic'")]
    assert refused_with(staged_store.url, tried, **settings) == {"RestrictViolation"}
    (done,) = refused_with(staged_store.url, [update.format(1, "")], **settings)
    assert done.startswith("done")


@pytest.mark.parametrize("role", ["ingest", "projections", "query", "audit"])
def test_no_process_has_a_grant_to_change_the_ledger_or_switches_off_what_keeps_it(
    staged_store: Store, role: str
) -> None:
    tried = ["CREATE TABLE ledger.mine ()", "UPDATE ledger.ids SET kind = kind"]
    for table in TABLES:
        column = {"ids": "slug", "commits": "size"}.get(table, "seq")
        tried += [
            f"UPDATE ledger.{table} SET {column} = {column}",
            f"DELETE FROM ledger.{table}",
            f"TRUNCATE ledger.{table}",
            f"DROP TABLE ledger.{table}",
            f"ALTER TABLE ledger.{table} DISABLE TRIGGER ALL",
        ]
        if role != "ingest":
            tried.append(f"INSERT INTO ledger.{table} DEFAULT VALUES")
    found = refused_with(staged_store.url, tried, role=f"onrecord_{role}")
    assert found == {"InsufficientPrivilege"}


def test_the_database_checks_each_leaf_hash(staged_store: Store) -> None:
    insert = "INSERT INTO ledger.entries VALUES (100, %s, %s, %s)"
    with db.connect(staged_store.url, role="onrecord_ingest") as conn:
        for wrong in (leaf_hash(b"{} "), bytes(32), b""):
            with pytest.raises(psycopg.errors.CheckViolation):
                conn.execute(insert, [uuid4(), b"{}", wrong])
        with pytest.raises(psycopg.errors.CheckViolation):
            conn.execute(insert, [uuid4(), bytes(65_536), leaf_hash(bytes(65_536))])
        conn.execute(insert, [uuid4(), b"{}", leaf_hash(b"{}")])


@pytest.mark.parametrize(
    "metadata",
    [tables.metadata, sweeps.metadata, webhooks.metadata],
    ids=["ledger", "projections", "webhooks"],
)
def test_the_migrated_schema_is_the_one_that_the_program_knows(
    store: Store, metadata: MetaData
) -> None:
    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "schema" or name == metadata.schema

    engine = db.engine(store.url)
    with engine.connect() as conn:
        options = {"include_schemas": True, "include_name": ours, "compare_server_default": True}
        context = MigrationContext.configure(conn, opts=options)
        assert compare_metadata(context, metadata) == []
    engine.dispose()
