"""Where do tests get a real PostgreSQL, and a fresh migrated database in it?

By default the embedded server, started once in each process that runs tests.
`ONRECORD_TEST_DATABASE_URL` names another one (its user must be allowed to create databases and
roles); the same tests then run there.
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
    """The address of a server, up for the whole run."""
    if GIVEN:
        yield GIVEN
        return
    with tempfile.TemporaryDirectory(prefix="onrecord-tests-") as folder:
        Path(folder).chmod(0o755)  # the server's own user passes through it to its data
        with embedded.running_server(Path(folder), echo=lambda _: None) as postgres:
            with psycopg.connect(postgres.url, autocommit=True) as conn:
                # Only a power cut would tell: what was written survives every kill without it.
                conn.execute("ALTER SYSTEM SET fsync = off")
                conn.execute("SELECT pg_reload_conf()")
            yield postgres.url


def named(url: str, database: str) -> str:
    """The address of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@contextmanager
def database(server_url: str, template: str | None = None) -> Iterator[str]:
    """A database of its own: migrated, or a copy of `template`, which is."""
    name = f"onrecord_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        copy = f' TEMPLATE "{template}"' if template else " ENCODING 'UTF8' TEMPLATE template0"
        conn.execute(f'CREATE DATABASE "{name}"{copy}')
    try:
        url = named(server_url, name)
        if template is None:
            with psycopg.connect(server_url) as conn:
                # roles are the server's: two test processes at once would both make them
                conn.execute("SELECT pg_advisory_xact_lock(1)")
                migrations.upgrade(url)
        yield url
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
