"""Corrections: indexes of the positions that were corrected or retracted, for pages of changes."""

from alembic import op

revision = "corrections"
down_revision = "erasures"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute("""
        CREATE INDEX steps_corrected ON projections.steps (generation, open_seq)
            WHERE event_type = 'position.corrected'
    """)
    op.execute("""
        CREATE INDEX steps_retracted ON projections.steps (generation, close_seq)
            WHERE close_type = 'position.retracted'
    """)
    op.execute("RESET ROLE")
