"""Hashes of complete subtrees, computed for all entries on record, and signed checkpoints.

Writers of an older release must be stopped: they would complete subtrees without storing them, and
the signer signs nothing from there on.
"""

import hashlib

from alembic import op
from sqlalchemy import text

revision = "subtrees"
down_revision = "similar"

ROLE = """
DO $$ BEGIN
    IF to_regrole('onrecord_signer') IS NULL THEN
        BEGIN
            CREATE ROLE onrecord_signer NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles are the cluster's; another database made it just now
        END;
    END IF;
    IF NOT pg_has_role(current_user, 'onrecord_signer', 'USAGE') THEN
        EXECUTE format('GRANT onrecord_signer TO %I', current_user);
    END IF;
END $$
"""

TABLES = """
CREATE TABLE ledger.subtrees (
    level smallint NOT NULL,
    n bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (level, n),
    CONSTRAINT subtrees_hash_has_256_bits CHECK (octet_length(hash) = 32)
);

CREATE SCHEMA signing;

CREATE TABLE signing.keys (
    vkey text PRIMARY KEY,
    origin text NOT NULL,
    since_size bigint NOT NULL
);

CREATE TABLE signing.checkpoints (
    size bigint PRIMARY KEY,
    root bytea NOT NULL,
    note text NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE signing.cosignatures (
    size bigint NOT NULL REFERENCES signing.checkpoints,
    key text NOT NULL,
    line text NOT NULL,
    PRIMARY KEY (size, key)
);
CREATE INDEX cosignatures_by_witness ON signing.cosignatures (key, size);

CREATE FUNCTION signing.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'signing.% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
"""

GRANTS = """
GRANT SELECT, INSERT ON ledger.subtrees TO onrecord_ingest;
GRANT SELECT ON ledger.subtrees TO onrecord_audit;
GRANT USAGE ON SCHEMA ledger, signing TO onrecord_signer;
GRANT SELECT (seq, leaf_hash) ON ledger.entries TO onrecord_signer;
GRANT SELECT ON ledger.commits, ledger.subtrees TO onrecord_signer;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA signing TO onrecord_signer;
GRANT USAGE ON SCHEMA signing TO onrecord_audit;
GRANT SELECT ON ALL TABLES IN SCHEMA signing TO onrecord_audit;
GRANT USAGE ON SCHEMA signing TO onrecord_webhooks;
GRANT SELECT (size) ON signing.checkpoints TO onrecord_webhooks;
GRANT SELECT (size, key) ON signing.cosignatures TO onrecord_webhooks;
"""

LEAVES = "SELECT leaf_hash FROM ledger.entries ORDER BY seq"
INSERT = "INSERT INTO ledger.subtrees (level, n, hash) VALUES (:level, :n, :hash)"
LOCK_KEY = 0x6F6E7265636F7264  # of the ledger's writers


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(ROLE)
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(TABLES)
    for table in ("ledger.subtrees", "signing.keys", "signing.checkpoints", "signing.cosignatures"):
        schema, name = table.split(".")
        for on, each in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
            trigger = f"{name}_refuse_{on.split()[0].lower()}"
            op.execute(
                f"CREATE TRIGGER {trigger} BEFORE {on} ON {table}"
                f" FOR EACH {each} EXECUTE FUNCTION {schema}.refuse()"
            )
            op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
    op.execute(GRANTS)
    op.execute(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
    _store_subtrees()
    op.execute("RESET ROLE")


def _store_subtrees() -> None:
    """As `ledger.merkle` does, over all leaves."""
    conn = op.get_bind()
    leaves = conn.execute(text(LEAVES).execution_options(yield_per=10_000))
    levels: list[list[bytes]] = [[]]
    counts = [0]
    rows: list[dict[str, object]] = []
    for (leaf,) in leaves:
        levels[0].append(leaf)
        level = 0
        while len(levels[level]) == 256:
            hash_ = _root(levels[level])
            levels[level] = []
            level += 1
            if level == len(levels):
                levels.append([])
                counts.append(0)
            rows.append({"level": level, "n": counts[level], "hash": hash_})
            counts[level] += 1
            levels[level].append(hash_)
    for start in range(0, len(rows), 1_000):
        conn.execute(text(INSERT), rows[start : start + 1_000])


def _root(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return hashes[0]
