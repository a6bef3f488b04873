"""The id of this installation, which the `source` of its CloudEvents names."""

from alembic import op

revision = "installation"
down_revision = "wide_dates"

# No role may write it: a copy of the database is the same installation, restored or replicated.
TABLE = """
CREATE TABLE webhooks.installation (id uuid PRIMARY KEY);
INSERT INTO webhooks.installation (id) VALUES (gen_random_uuid());
GRANT SELECT ON webhooks.installation TO onrecord_webhooks;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(TABLE)
    op.execute("RESET ROLE")
