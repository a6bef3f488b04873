"""Projections: when a sweep last found everything folded."""

from alembic import op

revision = "sweeps"
down_revision = "rebuild"

COMPLETE_AT = """
ALTER TABLE projections.sweeps ADD COLUMN complete_at timestamptz;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(COMPLETE_AT)
    op.execute("RESET ROLE")
