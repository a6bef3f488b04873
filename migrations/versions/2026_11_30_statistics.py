"""Projections: a function by which the worker analyzes tables that have grown."""

from alembic import op

revision = "statistics"
down_revision = "installation"

# Only a table's owner may analyze it before PostgreSQL 17, so the function runs as the owner.
ANALYZE = """
CREATE FUNCTION projections.analyze_grown() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET default_statistics_target = 10  -- a tenth of the work, until autovacuum samples more
AS $$
DECLARE
    page_bytes constant integer := current_setting('block_size');
    grown regclass;
BEGIN
    FOR grown IN
        SELECT oid FROM pg_class
        WHERE relnamespace = 'projections'::regnamespace AND relkind = 'r'
            AND pg_relation_size(oid) > 2 * page_bytes * greatest(relpages, 4)
    LOOP
        -- another worker or autovacuum may be at it already
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', grown);
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION projections.analyze_grown() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION projections.analyze_grown() TO onrecord_projections;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(ANALYZE)
    op.execute("RESET ROLE")
