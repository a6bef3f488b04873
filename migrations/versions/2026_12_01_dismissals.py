"""Dismissals: findings of the review that are left as they are.

The erasure of a statement's reasons reaches those of the dismissals about it.
"""

from alembic import op

revision = "dismissals"
down_revision = "corrections"

TABLE = """
CREATE TABLE projections.dismissals (
    generation integer NOT NULL,
    id uuid NOT NULL,
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
    kind text NOT NULL,
    certainty text NOT NULL,
    statements uuid[] NOT NULL,
    position uuid,
    about uuid[] NOT NULL,
    erased text
);
CREATE INDEX dismissals_about ON projections.dismissals USING gin (about);
ALTER TABLE projections.dismissals ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE projections.dismissals ALTER COLUMN close_reason SET STATISTICS 0;
"""

ERASURE = r"""
CREATE OR REPLACE FUNCTION ledger.erase(erasure bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said jsonb;
    of uuid;
    seqs bigint[];
BEGIN
    -- Only in the transaction that appends the entry: what is erased is on record, or neither is.
    SELECT convert_from(entry, 'UTF8')::jsonb INTO said FROM ledger.entries
    WHERE seq = erasure AND xmin = pg_current_xact_id()::xid
        AND EXISTS (SELECT FROM ledger.commits WHERE size > erasure);
    SELECT id INTO of FROM ledger.ids
    WHERE id = (said #>> '{data,target}')::uuid AND kind = 'statement';
    IF of IS NULL OR (said ->> 'type', said ->> 'seq') <> ('payload.erased', erasure::text) THEN
        RAISE EXCEPTION 'entry % is no erasure appended in this transaction', erasure
            USING ERRCODE = 'restrict_violation';
    END IF;
    -- What was given after it stays, also where one transaction appended both.
    seqs := ARRAY(
        SELECT seq FROM ledger.entries WHERE id = of AND seq < erasure
        UNION ALL
        SELECT t.seq FROM ledger.touches t JOIN ledger.entries e USING (seq)
        WHERE t.kind = 'statement' AND t.name = of::text AND t.seq < erasure
            AND convert_from(e.entry, 'UTF8')::jsonb #>> '{data,target}' = of::text
        UNION ALL
        SELECT t.seq FROM ledger.touches t JOIN ledger.entries e USING (seq)
        WHERE t.kind = 'finding' AND t.name = of::text AND t.seq < erasure
            AND convert_from(e.entry, 'UTF8')::jsonb #> '{data,statements}' ? of::text);
    INSERT INTO ledger.erased (seq, section, ground)
    SELECT p.seq, p.section, said #>> '{data,ground}' FROM ledger.payloads p
    WHERE p.seq = ANY (seqs) AND said #> '{data,sections}' ? p.section;
    DELETE FROM ledger.payloads p
    WHERE p.seq = ANY (seqs) AND said #> '{data,sections}' ? p.section;
END $$;
"""
"""As in the migration `ledger`, and the dismissals of findings about the statement."""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON projections.dismissals TO onrecord_projections;
GRANT SELECT ON projections.dismissals TO onrecord_query, onrecord_audit;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(TABLE)
    op.execute(ERASURE)
    op.execute(GRANTS)
    op.execute("RESET ROLE")
