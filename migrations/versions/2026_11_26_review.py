"""Review: indexes that find statements and positions to look at again."""

from alembic import op

revision = "review"
down_revision = "webhooks"

SEARCHES = """
ALTER TABLE projections.statements
    ADD COLUMN words text GENERATED ALWAYS AS (md5(doc #>> '{content,text}')) STORED;
ALTER TABLE projections.statements ALTER COLUMN words SET STATISTICS 0;
CREATE INDEX statements_words ON projections.statements (generation, words);
CREATE INDEX statements_coded ON projections.statements (generation, made_seq)
    WHERE doc ? 'stances';
CREATE INDEX statements_doubted ON projections.statements (generation, made_seq)
    WHERE close_type = 'statement.retracted' OR doc ? 'embedded_in';
CREATE INDEX steps_basis ON projections.steps USING gin (basis);
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(SEARCHES)
    op.execute("RESET ROLE")
