"""Lists: functions by which the read API looks at the ledger, whose tables it may not read."""

from alembic import op

revision = "lists"
down_revision = "sweeps"

FUNCTIONS = """
CREATE FUNCTION projections.ledger_size() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT size FROM ledger.commits ORDER BY size DESC LIMIT 1), 0)
$$;
CREATE FUNCTION projections.nearest_slugs(of_kind text, to_slug text) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER ROWS 3 SET search_path = pg_catalog, pg_temp AS $$
    SELECT slug FROM ledger.ids WHERE kind = of_kind AND slug IS NOT NULL
    ORDER BY slug OPERATOR(public.<->) to_slug, slug LIMIT 3
$$;
"""

GRANTS = """
REVOKE EXECUTE ON FUNCTION
    projections.ledger_size(), projections.nearest_slugs(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    projections.ledger_size(), projections.nearest_slugs(text, text) TO onrecord_query;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(FUNCTIONS)
    op.execute(GRANTS)
    op.execute("RESET ROLE")
