"""Projections: positions, statements, actors, topics, clock, and their checkpoints."""

from alembic import op

revision = "projections"
down_revision = "ledger"

VERSION = """
    generation integer NOT NULL,
    id {id} NOT NULL,
    made_seq bigint NOT NULL,
    open_seq bigint NOT NULL,
    close_seq bigint NOT NULL,
    event uuid NOT NULL,
    event_type text NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    by text,
    reason text,
    close_event uuid,
    close_type text,
    close_by text,
    close_reason text,
    PRIMARY KEY (generation, id, open_seq),
"""
"""Columns of every versioned table; see `projections/engine/versions.py`."""

SEARCHABLE = """
CREATE SCHEMA projections;

CREATE FUNCTION projections.searchable(doc jsonb) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE words text := concat_ws(' ', doc #>> '{content,text}', doc #>> '{content,original,text}');
BEGIN
    RETURN to_tsvector('simple'::regconfig, words);
EXCEPTION WHEN program_limit_exceeded THEN
    -- A vector holds 1 MiB. Longer words are found by their beginning; the fold must not stop.
    RETURN to_tsvector('simple'::regconfig, left(words, 20000));
END $$;
"""

TABLES = f"""

CREATE TABLE projections.checkpoints (
    name text,
    generation integer,
    fold integer NOT NULL,
    size bigint NOT NULL DEFAULT 0,
    live boolean NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, generation)
);
CREATE UNIQUE INDEX checkpoints_one_live ON projections.checkpoints (name) WHERE live;

CREATE TABLE projections.sweeps (
    name text PRIMARY KEY,
    at timestamptz NOT NULL
);

CREATE TABLE projections.steps ({VERSION.format(id="uuid")}
    actor text NOT NULL,
    topic text NOT NULL,
    valid_from timestamptz NOT NULL,
    ord integer NOT NULL,
    earliest timestamptz NOT NULL,
    latest timestamptz NOT NULL,
    effective text NOT NULL,
    stance text NOT NULL,
    condition text,
    summary text,
    rationale text,
    basis uuid[] NOT NULL,
    coder text NOT NULL
);
CREATE INDEX steps_in_order ON projections.steps
    (generation, actor, topic, valid_from, ord, made_seq, open_seq, close_seq);
CREATE INDEX steps_by_topic ON projections.steps
    (generation, topic, actor, valid_from, ord, made_seq);
CREATE INDEX steps_by_made ON projections.steps (generation, made_seq);

CREATE TABLE projections.statements ({VERSION.format(id="uuid")}
    said_from timestamptz NOT NULL,
    said_until timestamptz NOT NULL,
    actors text[] NOT NULL,
    topics text[] NOT NULL,
    outlets text[] NOT NULL,
    doc jsonb NOT NULL,
    erased jsonb NOT NULL,
    search tsvector NOT NULL GENERATED ALWAYS AS (projections.searchable(doc)) STORED
);
-- As for ledger.payloads: the planner keeps no samples of words that may be erased.
ALTER TABLE projections.statements
    ALTER COLUMN doc SET STATISTICS 0,
    ALTER COLUMN search SET STATISTICS 0,
    ALTER COLUMN reason SET STATISTICS 0,
    ALTER COLUMN close_reason SET STATISTICS 0;
CREATE INDEX statements_in_order ON projections.statements (generation, said_from, made_seq);
CREATE INDEX statements_actors ON projections.statements USING gin (actors);
CREATE INDEX statements_topics ON projections.statements USING gin (topics);
CREATE INDEX statements_search ON projections.statements USING gin (search)
    WHERE close_seq = 9223372036854775807;

CREATE TABLE projections.actors ({VERSION.format(id="text")}
    kind text NOT NULL,
    names jsonb NOT NULL,
    identifiers jsonb NOT NULL,
    spellings text NOT NULL
);
CREATE INDEX actors_spellings ON projections.actors
    USING gin (spellings public.gin_trgm_ops);

CREATE TABLE projections.topics ({VERSION.format(id="text")}
    label text,
    proposition text,
    broader text,
    spellings text NOT NULL
);
CREATE INDEX topics_spellings ON projections.topics
    USING gin (spellings public.gin_trgm_ops);

CREATE TABLE projections.clock (
    generation integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    open_seq bigint NOT NULL,
    size bigint NOT NULL,
    PRIMARY KEY (generation, recorded_at),
    UNIQUE (generation, open_seq)
);
"""

GRANTS = """
GRANT USAGE ON SCHEMA projections TO onrecord_projections, onrecord_query, onrecord_audit;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA projections TO onrecord_projections;
GRANT SELECT ON ALL TABLES IN SCHEMA projections TO onrecord_query, onrecord_audit;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(SEARCHABLE)
    op.execute(TABLES)
    op.execute(GRANTS)
    op.execute("RESET ROLE")
