"""Erased words removed from the planner's samples and from answers to earlier erasures.

Columns that hold words are sampled no more. An erasure touches its statement, so that answers to
its delivery, which had the words that it left, are found by the next one.
"""

from alembic import op

revision = "erasures"
down_revision = "subtrees"

UNSAMPLED = """
ALTER TABLE projections.statements ALTER COLUMN outlets SET STATISTICS 0;
ALTER TABLE webhooks.attempts ALTER COLUMN answer SET STATISTICS 0;
"""

TOUCHES = """
INSERT INTO ledger.touches (kind, name, seq)
SELECT 'statement', convert_from(entries.entry, 'UTF8')::jsonb #>> '{data,target}', seq
FROM ledger.touches JOIN ledger.entries USING (seq)
WHERE touches.kind = 'type' AND touches.name = 'payload.erased'
ON CONFLICT DO NOTHING
"""

# ANALYZE leaves the samples of a column that is sampled no more. Before PostgreSQL 18 only a
# superuser can remove them: there they stay, as old as this migration.
SAMPLES = """
DO $$ BEGIN
    IF to_regproc('pg_catalog.pg_clear_attribute_stats') IS NOT NULL THEN
        PERFORM pg_clear_attribute_stats('projections', 'statements', 'outlets', false);
        PERFORM pg_clear_attribute_stats('webhooks', 'attempts', 'answer', false);
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(UNSAMPLED)
    op.execute(SAMPLES)
    op.execute(TOUCHES)
    op.execute("RESET ROLE")
