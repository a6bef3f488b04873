"""Ledger: append-only tables, their triggers and grants."""

from alembic import op

revision = "ledger"
down_revision = None

ROLES = """
DO $$
DECLARE one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['onrecord_ingest', 'onrecord_projections', 'onrecord_query',
    'onrecord_audit'] LOOP
        IF to_regrole(one) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', one);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- roles are the cluster's; another database made it just now
            END;
        END IF;
        IF NOT pg_has_role(current_user, one, 'USAGE') THEN
            EXECUTE format('GRANT %I TO %I', one, current_user);
        END IF;
    END LOOP;
END $$
"""

TABLES = r"""
CREATE SCHEMA ledger;

CREATE TABLE ledger.entries (
    seq bigint PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    entry bytea NOT NULL,
    leaf_hash bytea NOT NULL,
    CONSTRAINT entries_seq_counts_from_0 CHECK (seq >= 0),
    CONSTRAINT entries_entry_fits CHECK (octet_length(entry) <= 65535),
    CONSTRAINT entries_leaf_hash_is_true CHECK (leaf_hash = sha256('\x00'::bytea || entry))
);

CREATE TABLE ledger.ids (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    slug text,
    seq bigint NOT NULL
);
CREATE INDEX ids_slug_trgm ON ledger.ids USING gist (slug public.gist_trgm_ops)
    WHERE slug IS NOT NULL;

CREATE TABLE ledger.touches (
    kind text NOT NULL,
    name text NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (kind, name, seq)
);

CREATE TABLE ledger.commits (
    size bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    root bytea NOT NULL,
    frontier bytea[] NOT NULL
);

CREATE TABLE ledger.payloads (
    seq bigint NOT NULL,
    section text NOT NULL,
    salt bytea NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (seq, section)
);

-- No samples of words are kept for the planner: an erasure could not reach them.
ALTER TABLE ledger.payloads ALTER COLUMN salt SET STATISTICS 0, ALTER COLUMN value SET STATISTICS 0;

CREATE TABLE ledger.erased (
    seq bigint NOT NULL,
    section text NOT NULL,
    ground text NOT NULL,
    PRIMARY KEY (seq, section)
);
"""

APPEND_ONLY = """
CREATE FUNCTION ledger.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% is append-only: % is refused; record a correction instead',
        TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION ledger.refuse_unless_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM ledger.erased e WHERE (e.seq, e.section) = (OLD.seq, OLD.section)) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'words leave the ledger only by an erasure on record'
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION ledger.refuse_unless_seq_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.kind, NEW.slug) IS NOT DISTINCT FROM (OLD.id, OLD.kind, OLD.slug)
        AND NEW.seq > OLD.seq THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'of ledger.ids only seq changes, and only upwards'
        USING ERRCODE = 'restrict_violation';
END $$;
"""

ERASURE = r"""
CREATE FUNCTION ledger.erase(erasure bigint) RETURNS void
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
            AND convert_from(e.entry, 'UTF8')::jsonb #>> '{data,target}' = of::text);
    INSERT INTO ledger.erased (seq, section, ground)
    SELECT p.seq, p.section, said #>> '{data,ground}' FROM ledger.payloads p
    WHERE p.seq = ANY (seqs) AND said #> '{data,sections}' ? p.section;
    DELETE FROM ledger.payloads p
    WHERE p.seq = ANY (seqs) AND said #> '{data,sections}' ? p.section;
END $$;
"""
"""The only function that deletes payloads. A statement's entries are those that created, corrected
or retracted it."""

GRANTS = """
GRANT USAGE ON SCHEMA ledger TO onrecord_ingest, onrecord_projections, onrecord_audit;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA ledger TO onrecord_ingest;
REVOKE INSERT ON ledger.erased FROM onrecord_ingest;
GRANT UPDATE (seq) ON ledger.ids TO onrecord_ingest;
REVOKE EXECUTE ON FUNCTION ledger.erase(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.erase(bigint) TO onrecord_ingest;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO onrecord_projections, onrecord_audit;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public")
    op.execute(ROLES)
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(TABLES)
    op.execute(APPEND_ONLY)
    op.execute(ERASURE)
    for table in ("entries", "touches", "commits", "erased"):
        _trigger(table, "refuse", "UPDATE OR DELETE", each="ROW")
        _trigger(table, "refuse", "TRUNCATE", each="STATEMENT")
    _trigger("payloads", "refuse", "UPDATE", each="ROW")
    _trigger("payloads", "refuse_unless_erased", "DELETE", each="ROW")
    _trigger("payloads", "refuse", "TRUNCATE", each="STATEMENT")
    _trigger("ids", "refuse_unless_seq_grows", "UPDATE", each="ROW")
    _trigger("ids", "refuse", "DELETE", each="ROW")
    _trigger("ids", "refuse", "TRUNCATE", each="STATEMENT")
    op.execute(GRANTS)
    op.execute("RESET ROLE")


def _trigger(table: str, function: str, on: str, *, each: str) -> None:
    """`ENABLE ALWAYS`: also under `session_replication_role = replica`."""
    name = f"{table}_{function}_{on.split()[0].lower()}"
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {on} ON ledger.{table}"
        f" FOR EACH {each} EXECUTE FUNCTION ledger.{function}()"
    )
    op.execute(f"ALTER TABLE ledger.{table} ENABLE ALWAYS TRIGGER {name}")
