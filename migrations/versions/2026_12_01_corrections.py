"""Corrections: indexes of the versions by which something was corrected or retracted."""

from alembic import op

revision = "corrections"
down_revision = "erasures"

INDEXES = """
CREATE INDEX steps_corrected ON projections.steps (generation, open_seq)
    WHERE open_seq > made_seq;
CREATE INDEX steps_retracted ON projections.steps (generation, close_seq)
    WHERE close_type = 'position.retracted';
CREATE INDEX statements_corrected ON projections.statements (generation, open_seq)
    WHERE open_seq > made_seq;
CREATE INDEX statements_retracted ON projections.statements (generation, close_seq)
    WHERE close_type = 'statement.retracted';
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(INDEXES)
    op.execute("RESET ROLE")
