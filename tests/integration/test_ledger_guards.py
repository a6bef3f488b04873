"""Append-only guards: grants, triggers and constraints of the ledger's tables."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from onrecord.domain.events import PayloadErased
from onrecord.kit.sql import db
from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.ledger import tables
from onrecord.projections.freshness import sweeps
from onrecord.webhooks import tables as webhooks
from tests.support import postgres
from tests.support.histories import request
from tests.support.ledgers import TABLES, answers, seed_ledger, statement, table_rows
from tests.support.store import Store, open_store


@pytest.fixture
def seeded(store: Store) -> Store:
    return seed_whole_ledger(store)


@pytest.fixture(scope="module")
def shared(server_url: str, template: str) -> Iterator[Store]:
    """A seeded store for tests that change no row of it."""
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield seed_whole_ledger(new_store)


def seed_whole_ledger(store: Store) -> Store:
    """Rows in every table: a subtree too, which takes 256 entries."""
    with psycopg.connect(store.url) as conn:
        conn.execute("INSERT INTO ledger.subtrees VALUES (1, 0, sha256(''))")
    return seed_ledger(store)


def refused_with(url: str, statements: list[str], **settings: str) -> set[str]:
    """The errors of these statements; "done" for a statement that succeeds."""
    errors = set()
    with db.connect(url, **settings) as conn:
        for sql in statements:
            try:
                conn.execute(sql)
                errors.add(f"done: {sql}")
            except psycopg.Error as error:
                errors.add(type(error).__name__)
    return errors


@pytest.mark.parametrize("settings", [{}, {"session_replication_role": "replica"}], ids=str)
@pytest.mark.parametrize("table", TABLES)
def test_not_even_a_superuser_changes_the_ledger(
    shared: Store, table: str, settings: dict[str, str]
) -> None:
    erased = uuid4()
    erasure = PayloadErased(target=erased, sections=("content",), ground="court-order")
    answers(shared.append(request(erased, statement()), request(uuid4(), erasure)))
    before = table_rows(shared)
    assert all(before.values())
    for column in [column.name for column in tables.metadata.tables[f"ledger.{table}"].columns]:
        statements = [f"UPDATE ledger.{table} SET {column} = {column}"]
        assert refused_with(shared.url, statements, **settings) == {"RestrictViolation"}
    statements = [f"DELETE FROM ledger.{table}", f"TRUNCATE ledger.{table}"]
    assert refused_with(shared.url, statements, **settings) == {"RestrictViolation"}
    assert before == table_rows(shared)


@pytest.mark.parametrize("settings", [{}, {"session_replication_role": "replica"}], ids=str)
def test_of_a_row_of_ids_only_seq_changes_and_only_upwards(
    seeded: Store, settings: dict[str, str]
) -> None:
    update = "UPDATE ledger.ids SET seq = seq + {}{}"
    statements = [update.format(-1, ""), update.format(0, ""), update.format(1, ", kind = 'topic'")]
    assert refused_with(seeded.url, statements, **settings) == {"RestrictViolation"}
    (done,) = refused_with(seeded.url, [update.format(1, "")], **settings)
    assert done.startswith("done")


@pytest.mark.parametrize("role", ["ingest", "projections", "query", "audit"])
def test_no_role_may_change_the_ledger_or_disable_its_triggers(shared: Store, role: str) -> None:
    statements = ["CREATE TABLE ledger.mine ()", "UPDATE ledger.ids SET kind = kind"]
    for table in TABLES:
        column = {"ids": "slug", "commits": "size", "subtrees": "n"}.get(table, "seq")
        statements += [
            f"UPDATE ledger.{table} SET {column} = {column}",
            f"DELETE FROM ledger.{table}",
            f"TRUNCATE ledger.{table}",
            f"DROP TABLE ledger.{table}",
            f"ALTER TABLE ledger.{table} DISABLE TRIGGER ALL",
        ]
        if role != "ingest":
            statements.append(f"INSERT INTO ledger.{table} DEFAULT VALUES")
    errors = refused_with(shared.url, statements, role=f"onrecord_{role}")
    assert errors == {"InsufficientPrivilege"}


def test_the_database_checks_each_leaf_hash(seeded: Store) -> None:
    insert = "INSERT INTO ledger.entries VALUES (100, %s, %s, %s)"
    with db.connect(seeded.url, role="onrecord_ingest") as conn:
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
def test_the_migrated_schema_equals_the_table_definitions(
    shared: Store, metadata: MetaData
) -> None:
    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "schema" or name == metadata.schema

    engine = db.engine(shared.url)
    with engine.connect() as conn:
        options = {"include_schemas": True, "include_name": ours, "compare_server_default": True}
        context = MigrationContext.configure(conn, opts=options)
        assert compare_metadata(context, metadata) == []
    engine.dispose()
