"""Alembic environment: runs all pending migrations in one transaction.

The tables belong to `onrecord_migrator`, a role that no process runs as. The user that migrates
must be allowed to create roles, schemas and the trusted extensions `pg_trgm` and `unaccent`.
Processes log in as `onrecord_login`, which may take the roles of packages; of its own it may read
which revision the schema has, and use the queues of PGMQ.
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

LOGIN = """
DO $$ BEGIN
    IF to_regrole('onrecord_login') IS NULL THEN
        BEGIN
            CREATE ROLE onrecord_login NOLOGIN NOINHERIT;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
END $$
"""
MEMBERSHIPS = """
DO $$ DECLARE package_role text; BEGIN
    FOREACH package_role IN ARRAY ARRAY['onrecord_ingest', 'onrecord_projections',
            'onrecord_query', 'onrecord_audit', 'onrecord_webhooks', 'onrecord_access',
            'onrecord_signer'] LOOP
        CONTINUE WHEN to_regrole(package_role) IS NULL;  -- made by a later revision
        IF NOT pg_has_role('onrecord_login', package_role, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO onrecord_login', package_role);
        END IF;
    END LOOP;
    GRANT USAGE ON SCHEMA onrecord TO onrecord_login;
    GRANT SELECT ON onrecord.alembic_version TO onrecord_login;
END $$
"""


def run() -> None:
    migrator = engine(context.config.attributes["url"])
    with migrator.begin() as conn:
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        conn.execute(text("SET LOCAL lock_timeout = '10s'"))
        conn.execute(text(MIGRATOR))
        conn.execute(text(LOGIN))
        conn.execute(text("CREATE SCHEMA IF NOT EXISTS onrecord AUTHORIZATION onrecord_migrator"))
        context.configure(connection=conn, transactional_ddl=True, version_table_schema="onrecord")
        with context.begin_transaction():
            context.run_migrations()
        conn.execute(text(MEMBERSHIPS))
    migrator.dispose()


run()
