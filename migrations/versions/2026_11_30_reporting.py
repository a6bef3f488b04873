"""Reporting."""

from alembic import op

revision = "reporting"
down_revision = "search"

EXPORTS = """
GRANT USAGE ON SCHEMA webhooks TO onrecord_audit;
GRANT SELECT ON webhooks.installation TO onrecord_audit;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(EXPORTS)
    op.execute("RESET ROLE")
