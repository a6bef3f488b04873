"""PostgreSQL server and migrated databases for tests.

By default an embedded server, started once in each test process, with its data in memory.
`ONRECORD_TEST_DATABASE_URL` names another one, whose user must be allowed to create databases and
roles.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from alembic import command
from alembic.config import Config

from onrecord.kit.postgres import embedded
from onrecord.kit.sql import migrations
from tests.support.folders import scratch_folder

GIVEN = os.environ.get("ONRECORD_TEST_DATABASE_URL")
# The first two protect from a power cut only, not from the kills of these tests.
SETTINGS: Final = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"}


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server that runs for the whole session."""
    if GIVEN:
        yield GIVEN
        return
    with tempfile.TemporaryDirectory(prefix="onrecord-tests-", dir=scratch_folder()) as folder:
        Path(folder).chmod(0o755)  # for the server's OS user
        with embedded.running_server(Path(folder), echo=lambda _: None) as postgres:
            with psycopg.connect(postgres.superuser_url, autocommit=True) as conn:
                for name, value in SETTINGS.items():
                    conn.execute(f"ALTER SYSTEM SET {name} = '{value}'")
                conn.execute("SELECT pg_reload_conf()")
            yield postgres.superuser_url


def upgrade_to(url: str, revision: str) -> None:
    """Migrate an empty database to a revision of an older release."""
    config = Config()
    config.set_main_option("script_location", str(migrations.data_folder("migrations")))
    config.attributes["url"] = url
    command.upgrade(config, revision)


def login_url(url: str) -> str:
    """The URL with which processes log in: as `onrecord_login` on the embedded server."""
    return url if GIVEN else url.replace("//onrecord@", "//onrecord_login@", 1)


def named(url: str, database: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@contextmanager
def database(server_url: str, template: str | None = None) -> Iterator[str]:
    """A temporary database: newly migrated, or a copy of the migrated database `template`."""
    with empty_database(server_url, template) as url:
        if template is None:
            with psycopg.connect(server_url) as conn:
                # Roles belong to the server, so two test processes must not create them at once.
                conn.execute("SELECT pg_advisory_xact_lock(1)")
                migrations.upgrade(url)
        yield url


@contextmanager
def empty_database(server_url: str, template: str | None = None) -> Iterator[str]:
    """A temporary database that nothing has migrated, or a copy of `template`."""
    name = f"onrecord_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        copy = f' TEMPLATE "{template}"' if template else " ENCODING 'UTF8' TEMPLATE template0"
        conn.execute(f'CREATE DATABASE "{name}"{copy}')
    try:
        yield named(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
