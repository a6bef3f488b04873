"""Where do the database and the broker of this machine come from?

Called by every command that needs them: either by URL from the settings, or the embedded
PostgreSQL in the data folder, which is started if it is not running, with PGMQ queues inside it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from pgmq.install import get_embedded_install_sql, install_pgmq_sql
from pydantic import SecretStr

from onrecord.kit.postgres import embedded
from onrecord.kit.processes.spawn import Child
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db, migrations

Say = Callable[[str], None]


class SchemaMissing(Exception):
    """The database is not migrated to what this program needs."""


@contextmanager
def database(settings: Settings, say: Say) -> Iterator[Settings]:
    """The settings with `database_url` and `broker_url` filled in, for as long as they hold.

    An embedded server that `onrecord up` holds is shared with it.
    """
    shared = None if settings.database_url else embedded.url_of_running_server(settings.data)
    if shared:
        yield with_broker(settings, shared)
        return
    with held_database(settings, say) as (filled, _):
        yield filled


@contextmanager
def held_database(settings: Settings, say: Say) -> Iterator[tuple[Settings, Child | None]]:
    """The same for whoever runs the processes: an embedded server is held by one of them only.

    The embedded server comes along, to notice its end by.
    """
    if settings.database_url is not None:
        yield with_broker(settings, settings.database_url.get_secret_value()), None
        return
    say(f"Starting PostgreSQL in {settings.data}")
    with embedded.running_server(settings.data, say=say) as postgres:
        yield with_broker(settings, postgres.url), postgres.process


def with_broker(settings: Settings, url: str) -> Settings:
    broker = settings.broker_url or SecretStr("pgmq" + url[url.index("://") :])
    return settings.model_copy(update={"database_url": SecretStr(url), "broker_url": broker})


def prepare(settings: Settings) -> None:
    """Bring the schema up to date, and put the queues' SQL there if they are in PostgreSQL."""
    url, broker = addresses(settings)
    migrations.upgrade(url)
    if broker.startswith("pgmq://"):
        with psycopg.connect(db.conninfo(url)) as conn:
            row = conn.execute("SELECT to_regnamespace('pgmq') IS NULL").fetchone()
            if row and row[0]:
                install_pgmq_sql(get_embedded_install_sql(), conn=conn)


def require_schema(settings: Settings) -> None:
    """Raise `SchemaMissing` unless this program can work with the database as it is."""
    if missing := migrations.schema_problem(addresses(settings)[0]):
        raise SchemaMissing(f"{missing}: run `onrecord up` or `onrecord migrate`")


def addresses(settings: Settings) -> tuple[str, str]:
    """The database's and the broker's address."""
    assert settings.database_url
    assert settings.broker_url
    return settings.database_url.get_secret_value(), settings.broker_url.get_secret_value()
