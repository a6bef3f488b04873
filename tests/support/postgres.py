"""PostgreSQL server and migrated databases for tests.

By default an embedded server, started once in each test process. `ONRECORD_TEST_DATABASE_URL` names
another one, whose user must be allowed to create databases and roles.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from onrecord.kit.postgres import embedded
from onrecord.kit.sql import migrations

GIVEN = os.environ.get("ONRECORD_TEST_DATABASE_URL")


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server that runs for the whole session."""
    if GIVEN:
        yield GIVEN
        return
    with tempfile.TemporaryDirectory(prefix="onrecord-tests-") as folder:
        Path(folder).chmod(0o755)  # for the server's OS user
        with embedded.running_server(Path(folder), echo=lambda _: None) as postgres:
            with psycopg.connect(postgres.url, autocommit=True) as conn:
                # It protects from a power cut only, not from the kills of these tests.
                conn.execute("ALTER SYSTEM SET fsync = off")
                conn.execute("SELECT pg_reload_conf()")
            yield postgres.url


def named(url: str, database: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@contextmanager
def database(server_url: str, template: str | None = None) -> Iterator[str]:
    """A temporary database: newly migrated, or a copy of the migrated database `template`."""
    name = f"onrecord_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        copy = f' TEMPLATE "{template}"' if template else " ENCODING 'UTF8' TEMPLATE template0"
        conn.execute(f'CREATE DATABASE "{name}"{copy}')
    try:
        url = named(server_url, name)
        if template is None:
            with psycopg.connect(server_url) as conn:
                # Roles belong to the server, so two test processes must not create them at once.
                conn.execute("SELECT pg_advisory_xact_lock(1)")
                migrations.upgrade(url)
        yield url
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
