"""Database, broker and key of secrets of a process or command: from the settings, or embedded.

Used by every command that needs them, and by the supervisor. Embedded means the PostgreSQL server
in the data folder, started if it does not run, with PGMQ queues inside it, and the key beside it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import structlog
from psycopg.errors import InsufficientPrivilege
from pydantic import SecretStr
from sqlalchemy.exc import ProgrammingError

from onrecord.access.registry import ACTIVE_KEY
from onrecord.kit import celery, pgmq_transport
from onrecord.kit.encryption_keys import new_key, parse_keys
from onrecord.kit.postgres import embedded
from onrecord.kit.postgres.binaries import Echo
from onrecord.kit.secret_file import read_or_create
from onrecord.kit.settings import BadSettings, Settings, addresses
from onrecord.kit.sql import db, migrations
from onrecord.webhooks.encryption import SecretCipher
from onrecord.webhooks.reencrypt import reencrypt_secrets

log = structlog.get_logger()


class SchemaMissing(Exception):
    """The database is not migrated to what this program needs."""


@contextmanager
def open_database(settings: Settings, echo: Echo) -> Iterator[Settings]:
    """Settings with both addresses filled in, valid while the `with` lasts.

    The embedded server of a running `onrecord up` is used if there is one.
    """
    running = None if settings.database_url else embedded.url_of_running_server(settings.data)
    if running:
        yield with_addresses(settings, running)
        return
    with own_database(settings, echo) as (filled, _):
        yield filled


@contextmanager
def own_database(
    settings: Settings, echo: Echo
) -> Iterator[tuple[Settings, embedded.EmbeddedPostgres | None]]:
    """The same for the supervisor, which must be the only one to run the embedded server.

    Also yields the embedded server, to start it again if it exits.
    """
    if settings.database_url is not None:
        yield with_addresses(settings, settings.database_url.get_secret_value()), None
        return
    echo(f"Starting PostgreSQL in {settings.data}")
    with embedded.running_server(settings.data, echo=echo) as postgres:
        yield with_addresses(settings, postgres.url), postgres


def with_addresses(settings: Settings, database_url: str) -> Settings:
    """Settings with this database, and with PGMQ in it unless they name a broker."""
    pgmq_url = "pgmq" + database_url[database_url.index("://") :]
    broker_url = settings.broker_url or SecretStr(pgmq_url)
    return settings.model_copy(
        update={"database_url": SecretStr(database_url), "broker_url": broker_url}
    )


def migration_url(given: Settings, filled: Settings) -> str:
    """The address at which to migrate: as the superuser of the embedded server, or the given one.

    `given` are the settings before their addresses were filled in.
    """
    url, _ = addresses(filled)
    return url if given.database_url else embedded.as_superuser(url)


def with_key_of_file(given: Settings, filled: Settings) -> Settings:
    """Settings with the key from its file, created if missing; unchanged if they need no file.

    Without the setting, the key of another database is no business of this data folder: processes
    on two machines would each make their own. Raises `BadSettings` and `UnsafeSecretFile`.
    """
    if given.secrets_key or given.database_url:
        return filled
    text = read_or_create(given.secrets_key_file, new_key)
    try:
        parse_keys(text)
    except ValueError as error:
        raise BadSettings(f"{given.secrets_key_file}: {error}") from None
    return filled.model_copy(update={"secrets_key": SecretStr(text)})


def prepare_database(settings: Settings, url: str) -> None:
    """Migrate the schema as the user of `url`, and create the queues if they are in PostgreSQL.

    Secrets under an older key of the settings are encrypted by the first one. A schema that is up
    to date needs no user who may migrate. Raises `SchemaMissing` if it needs one and has none.
    """
    _, broker = addresses(settings)
    keys = settings.secrets_keys if settings.secrets_key else ()
    if problem := migrations.schema_problem(url):
        try:
            migrations.upgrade(url, secrets_key=keys[0] if keys else None)
        except ProgrammingError as error:
            if not isinstance(error.orig, InsufficientPrivilege):
                raise
            raise SchemaMissing(f"{problem}: run `onrecord migrate` as its owner") from None
    if broker.startswith("pgmq://"):
        with db.connect(url) as conn:
            if not pgmq_transport.has_queues(conn, celery.QUEUES):
                pgmq_transport.create_queues(conn, celery.QUEUES)
    if keys:
        with db.connect(url, role="onrecord_webhooks") as conn:
            reencrypt_secrets(conn, SecretCipher(keys))


def require_schema(settings: Settings) -> None:
    """Raise `SchemaMissing` unless the database has the newest schema."""
    if problem := migrations.schema_problem(addresses(settings)[0]):
        raise SchemaMissing(f"{problem}: run `onrecord up` or `onrecord migrate`")


def writer(url: str) -> psycopg.Connection[Any]:
    """The committer's connection, which looks rows up by id only.

    A writer that freezes under the lock is cut off after 2 s.
    """
    conn = db.connect_writer(
        url,
        role="onrecord_ingest",
        idle_in_transaction_session_timeout="2s",
        lock_timeout="10s",
        statement_timeout="30s",
        tcp_user_timeout="10s",
        **db.LOOKUPS,
    )
    if conn.info.server_version >= 170000:
        # A writer frozen between the insertion and COMMIT does not count as idle, because both are
        # sent in one pipeline. It may wait 10 s for the lock and insert for 30 s.
        conn.execute("SET transaction_timeout = '45s'")
    return conn


def require_key(settings: Settings, *, only_reads: bool = False) -> None:
    """Exit with 3 if clients of other machines reach an API of which no key is active.

    `only_reads`: the process has no API that writes. If its reads are open to all, it needs no key.
    """
    if settings.is_loopback or (only_reads and settings.public_reads):
        return
    try:
        with db.connect(addresses(settings)[0], role="onrecord_access") as conn:
            row = conn.execute(db.compiled(ACTIVE_KEY)).fetchone()
        if row and row[0]:
            return
        problem = "no API key is active"
    except psycopg.Error as error:
        problem = f"the API keys cannot be read ({str(error).strip().splitlines()[0]})"
    log.critical(
        f"It does not start on {settings.host}, where other machines reach it, while {problem}."
        " Create a key: onrecord keys create --name admin --scope admin --scope read --scope write"
        " --scope webhooks. To listen on this machine only, set ONRECORD_HOST=127.0.0.1."
    )
    raise SystemExit(3)
