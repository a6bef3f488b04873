"""Merges of actors, and changes: each step of a timeline with the step before it."""

from alembic import op

revision = "changes"
down_revision = "projections"

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
"""Columns of every versioned table, as in the migration `projections`."""

TABLES = f"""
CREATE TABLE projections.merges ({VERSION.format(id="text")}
    into_actor text NOT NULL
);
CREATE INDEX merges_into ON projections.merges (generation, into_actor);

CREATE TABLE projections.changes ({VERSION.format(id="uuid")}
    actor text NOT NULL,
    recorded_as text NOT NULL,
    topic text NOT NULL,
    valid_from timestamptz NOT NULL,
    ord integer NOT NULL,
    earliest timestamptz NOT NULL,
    latest timestamptz NOT NULL,
    effective text NOT NULL,
    stance text NOT NULL,
    condition text,
    before_id uuid,
    before_stance text,
    kind text NOT NULL,
    change_size integer,
    late boolean NOT NULL,
    line bigint GENERATED ALWAYS AS (hashtextextended(actor || ' ' || topic, 0)) STORED
);
CREATE INDEX changes_in_line ON projections.changes
    (generation, line, valid_from, ord, made_seq, open_seq, close_seq);
CREATE INDEX changes_by_actor ON projections.changes (generation, actor, topic);
CREATE INDEX changes_by_topic ON projections.changes (generation, topic, actor);
CREATE INDEX changes_unbegun ON projections.changes (generation, actor, topic)
    WHERE earliest = '0001-01-01 00:00:00+00';
CREATE INDEX changes_as_made ON projections.changes (generation, made_seq);
CREATE INDEX changes_as_held ON projections.changes (generation, valid_from, ord, made_seq);
CREATE INDEX changes_by_kind ON projections.changes (generation, kind, made_seq);
DROP INDEX projections.steps_by_topic;
DROP INDEX projections.steps_by_made;
DROP INDEX projections.steps_in_order;
CREATE INDEX steps_of_pair ON projections.steps
    (generation, actor, topic, open_seq, close_seq);
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON projections.merges, projections.changes
    TO onrecord_projections;
GRANT SELECT ON projections.merges, projections.changes TO onrecord_query, onrecord_audit;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(TABLES)
    op.execute(GRANTS)
    op.execute("RESET ROLE")
