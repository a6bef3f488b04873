"""Projections: the event at which one stopped, parts of a rebuild, a cheaper full-text index."""

from alembic import op

revision = "rebuild"
down_revision = "review"

STOPS = """
ALTER TABLE projections.checkpoints
    ADD COLUMN stopped_seq bigint,
    ADD COLUMN stopped_event uuid,
    ADD COLUMN stopped_type text,
    ADD COLUMN stopped_error text,
    ADD COLUMN stopped_since timestamptz;
"""

PARTS = """
CREATE TABLE projections.parts (
    name text,
    generation integer,
    part integer,
    size bigint NOT NULL DEFAULT 0,
    until bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    since_at timestamptz NOT NULL DEFAULT now(),
    since_size bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (name, generation, part)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON projections.parts TO onrecord_projections;
GRANT SELECT ON projections.parts TO onrecord_query, onrecord_audit;
"""

SEARCHABLE = """
CREATE OR REPLACE FUNCTION projections.searchable(doc jsonb) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE words text := concat_ws(' ', doc #>> '{content,text}', doc #>> '{content,original,text}');
BEGIN
    IF octet_length(words) < 100000 THEN
        RETURN to_tsvector('simple'::regconfig, words);
    END IF;
    -- A block that catches costs a subtransaction, so only words that may be too long get one.
    BEGIN
        RETURN to_tsvector('simple'::regconfig, words);
    EXCEPTION WHEN program_limit_exceeded THEN
        -- A vector holds 1 MiB. Longer words are found by their beginning; the fold must not stop.
        RETURN to_tsvector('simple'::regconfig, left(words, 20000));
    END;
END $$;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(STOPS)
    op.execute(PARTS)
    op.execute(SEARCHABLE)
    op.execute("RESET ROLE")
