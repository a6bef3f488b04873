"""Hashes of complete subtrees: kept by each append, backfilled by the migration, never changed."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onrecord.kit.sql import db, migrations
from onrecord.ledger.merkle import Frontier
from onrecord.signing import tables as signing
from tests.support import naive_log, postgres, signed_log
from tests.support.histories import request
from tests.support.ledgers import answers, seed_ledger, statement
from tests.support.signed_ledgers import sign_ledger
from tests.support.store import Store, open_store

SUBTREES = "SELECT level, n, hash FROM ledger.subtrees ORDER BY level, n"
LEAVES = "SELECT leaf_hash FROM ledger.entries ORDER BY seq"
FILL = """
INSERT INTO ledger.entries
SELECT seq, gen_random_uuid(), entry, sha256('\\x00'::bytea || entry)
FROM (
    SELECT seq, convert_to('{"seq":' || seq || '}', 'UTF8') AS entry
    FROM generate_series(0, 799) seq
) filled
"""
TABLES = ("checkpoints", "cosignatures", "keys")


def stored(url: str) -> list[tuple[int, int, bytes]]:
    with psycopg.connect(url) as conn:
        return conn.execute(SUBTREES).fetchall()


def naive(url: str) -> list[tuple[int, int, bytes]]:
    with psycopg.connect(url) as conn:
        leaves = [row[0] for row in conn.execute(LEAVES)]
    return sorted(naive_log.subtrees(leaves))


@pytest.fixture(scope="module")
def growing(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as store:
        yield seed_ledger(store)


@settings(max_examples=5)
@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=3))
def test_after_any_batches_the_subtrees_are_those_of_all_entries(
    growing: Store, sizes: list[int]
) -> None:
    for size in sizes:
        answers(growing.append(*(request(uuid4(), statement()) for _ in range(size))))
    assert naive(growing.url) == stored(growing.url)


def test_a_batch_that_fails_leaves_no_subtree(growing: Store) -> None:
    before = stored(growing.url)
    with psycopg.connect(growing.url, autocommit=True) as conn:
        conn.execute("ALTER TABLE ledger.payloads ADD CONSTRAINT broken CHECK (false) NOT VALID")
        with pytest.raises(psycopg.errors.CheckViolation):
            growing.append(*(request(uuid4(), statement()) for _ in range(300)))
        conn.execute("ALTER TABLE ledger.payloads DROP CONSTRAINT broken")
    assert before == stored(growing.url) == naive(growing.url)


@pytest.fixture
def older_url(server_url: str) -> Iterator[str]:
    """A database of the last release with 800 entries."""
    with postgres.database(server_url, "template0") as url:
        postgres.upgrade_to(url, "similar")
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(FILL)
            leaves = [row[0] for row in conn.execute(LEAVES)]
            frontier = Frontier().extended(leaves)
            conn.execute(
                "INSERT INTO ledger.commits VALUES (%s, now(), %s, %s)",
                [len(leaves), frontier.root(), list(frontier.hashes)],
            )
        yield url


def test_an_upgrade_stores_the_subtrees_of_all_entries_on_record(older_url: str) -> None:
    migrations.upgrade(older_url)
    assert [(1, 0), (1, 1), (1, 2)] == [row[:2] for row in stored(older_url)]
    assert naive(older_url) == stored(older_url)
    with open_store(older_url) as store:
        seed_ledger(store)
        answers(store.append(*(request(uuid4(), statement()) for _ in range(256))))
    assert 4 == len(stored(older_url))
    assert naive(older_url) == stored(older_url)


@pytest.fixture(scope="module")
def signed(growing: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    sign_ledger(growing.url, tmp_path_factory.mktemp("log"), signed_log.KEY)
    with psycopg.connect(growing.url) as conn:
        conn.execute(
            "INSERT INTO signing.cosignatures SELECT size, 'vkey', 'line' FROM signing.checkpoints"
        )
    return growing


def errors_of(conn: psycopg.Connection[Any], statements: list[str]) -> set[str]:
    names = set()
    for sql in statements:
        try:
            conn.execute(sql.encode())
            names.add(f"done: {sql}")
        except psycopg.Error as error:
            names.add(type(error).__name__)
    return names


@pytest.mark.parametrize("replica", [False, True])
@pytest.mark.parametrize("table", TABLES)
def test_not_even_a_superuser_changes_signatures(signed: Store, table: str, replica: bool) -> None:
    columns = signing.metadata.tables[f"signing.{table}"].columns
    statements = [f"UPDATE signing.{table} SET {column.name} = {column.name}" for column in columns]
    statements += [f"DELETE FROM signing.{table}", f"TRUNCATE signing.{table} CASCADE"]
    with db.connect(signed.url) as conn:
        if replica:
            conn.execute("SET session_replication_role = replica")
        assert {"RestrictViolation"} == errors_of(conn, statements)


def test_the_signer_reads_neither_entries_nor_payloads_and_writes_only_signatures(
    signed: Store,
) -> None:
    statements = [
        "SELECT entry FROM ledger.entries",
        "SELECT * FROM ledger.payloads",
        "INSERT INTO ledger.subtrees VALUES (1, 99, sha256(''))",
        "INSERT INTO ledger.commits SELECT size + 1, now(), root, frontier FROM ledger.commits",
        *(f"DELETE FROM signing.{table}" for table in TABLES),
    ]
    with db.connect(signed.url, role="onrecord_signer") as conn:
        assert {"InsufficientPrivilege"} == errors_of(conn, statements)
