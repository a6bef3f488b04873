"""Alembic environment: runs all pending migrations in one transaction.

The tables belong to `onrecord_migrator`, a role that no process runs as. The login user must be
allowed to create roles, schemas and the trusted extensions `pg_trgm` and `unaccent`.
"""

from alembic import context
from sqlalchemy import text

from onrecord.kit.sql.db import engine

LOCK_KEY = 0x6D69677261746500  # b"migrate\0"; concurrent migrations wait for each other
MIGRATOR = """
DO $$ BEGIN
    IF to_regrole('onrecord_migrator') IS NULL THEN
        BEGIN
            CREATE ROLE onrecord_migrator NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles belong to the server; another database created it at the same time
        END;
    END IF;
    IF NOT pg_has_role(current_user, 'onrecord_migrator', 'USAGE') THEN
        EXECUTE format('GRANT onrecord_migrator TO %I', current_user);
    END IF;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO onrecord_migrator', current_database());
END $$
"""


def run() -> None:
    migrator = engine(context.config.attributes["url"])
    with migrator.begin() as conn:
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        conn.execute(text("SET LOCAL lock_timeout = '10s'"))
        conn.execute(text(MIGRATOR))
        conn.execute(text("CREATE SCHEMA IF NOT EXISTS onrecord AUTHORIZATION onrecord_migrator"))
        context.configure(connection=conn, transactional_ddl=True, version_table_schema="onrecord")
        with context.begin_transaction():
            context.run_migrations()
    migrator.dispose()


run()
