"""Upgrade of a database whose secrets an older release stored in plain."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest

from onrecord.kit.encryption_keys import new_key
from onrecord.kit.settings import BadSettings
from onrecord.kit.sql import db, migrations
from onrecord.webhooks.encryption import SecretCipher
from tests.support import postgres

PLAIN = "whsec_" + "A" * 43 + "="
OLD_PLAIN = "whsec_" + "B" * 43 + "="
ROTATED, SINGLE, DELETED = uuid4(), uuid4(), uuid4()
INSERT = """
INSERT INTO webhooks.endpoints
    (id, url, types, actors, topics, kinds, ordered, secret, old_secret, old_until, size,
        deleted_at)
VALUES (%s, 'https://hooks.example/', '{}', '{}', '{}', '{}', false, %s, %s,
    now() + interval '1 hour', 0, %s)
"""
# Also what is in rows that nobody sees any more.
BYTES = "SELECT pg_read_binary_file(pg_relation_filepath('webhooks.endpoints'))"


@pytest.fixture
def older_url(server_url: str) -> Iterator[str]:
    """A database of the last release, with plain secrets, also in dead rows."""
    if postgres.GIVEN:
        pytest.skip("reads the table's file, which needs a superuser on this machine")
    with postgres.database(server_url, "template0") as url:
        postgres.upgrade_to(url, "keys")
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(INSERT, [ROTATED, PLAIN, OLD_PLAIN, None])
            conn.execute(INSERT, [SINGLE, PLAIN, None, None])
            conn.execute(INSERT, [DELETED, "", None, "2026-01-01"])
            conn.execute("UPDATE webhooks.endpoints SET failures = failures + 1")
        yield url


def file_of_the_table(url: str) -> bytes:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CHECKPOINT")
        row = conn.execute(BYTES).fetchone()
    assert row
    return bytes(row[0])


def test_plain_secrets_are_encrypted_and_none_stays_in_the_tables_file(older_url: str) -> None:
    assert 4 <= file_of_the_table(older_url).count(b"whsec_")
    key = new_key()
    migrations.upgrade(older_url, secrets_key=key)
    assert 0 == file_of_the_table(older_url).count(b"whsec_")
    cipher = SecretCipher([key])
    with db.connect(older_url, role="onrecord_webhooks") as conn:
        rows: dict[UUID, tuple[bytes, bytes | None]] = {
            id_: (secret, old)
            for id_, secret, old in conn.execute(
                "SELECT id, encrypted_secret, encrypted_old_secret FROM webhooks.endpoints"
            )
        }
    assert (PLAIN, OLD_PLAIN) == cipher.signing_secrets(ROTATED, *rows[ROTATED])
    assert (PLAIN,) == cipher.signing_secrets(SINGLE, *rows[SINGLE])
    assert (b"", None) == rows[DELETED]


def test_an_upgrade_without_a_key_says_how_to_make_one_and_changes_nothing(older_url: str) -> None:
    with pytest.raises(BadSettings, match=r"ONRECORD_SECRETS_KEY must be set.*openssl rand"):
        migrations.upgrade(older_url)
    problem = migrations.schema_problem(older_url)
    assert problem is not None
    assert problem.startswith("the schema is 'keys'")
    with psycopg.connect(older_url) as conn:
        secrets = conn.execute("SELECT secret FROM webhooks.endpoints ORDER BY secret").fetchall()
    assert [("",), (PLAIN,), (PLAIN,)] == secrets
