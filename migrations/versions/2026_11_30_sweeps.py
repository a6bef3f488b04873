"""Projections: what a sweep found still to be folded, and when it last found nothing."""

from alembic import op

revision = "sweeps"
down_revision = "rebuild"

COLUMNS = """
ALTER TABLE projections.sweeps
    ADD COLUMN waiting jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN complete_at timestamptz;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(COLUMNS)
    op.execute("RESET ROLE")
