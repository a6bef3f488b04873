"""Statements: a column of bare words with a trigram index, for the check of quotes.

ops/decisions/0062-find-quotes-by-runs-of-words.md explains them. Every version has the column, as a
read at an earlier size compares the words of then; an erasure computes it anew.
"""

from alembic import op

revision = "quotes"
down_revision = "dismissals"

COLUMN = r"""
CREATE FUNCTION projections.bare_texts(doc jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- The bare words of a statement and of its original, apart by a character that no quote matches.
SELECT concat_ws(
    E'\x1f',
    projections.bare_words(doc #>> '{content,text}'),
    projections.bare_words(doc #>> '{content,original,text}')
)
$$;

ALTER TABLE projections.statements
    ADD COLUMN bare text GENERATED ALWAYS AS (projections.bare_texts(doc)) STORED,
    ALTER COLUMN bare SET STATISTICS 0;
CREATE INDEX statements_bare ON projections.statements USING gin (bare public.gin_trgm_ops);
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(COLUMN)
    op.execute("RESET ROLE")
