"""Wide dates: an index of the steps whose date spans more than a day."""

from alembic import op

revision = "wide_dates"
down_revision = "lists"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute("""
        CREATE INDEX changes_of_wide_dates ON projections.changes (generation, line, valid_from)
            WHERE latest - earliest > interval '1 day'
    """)
    op.execute("RESET ROLE")
