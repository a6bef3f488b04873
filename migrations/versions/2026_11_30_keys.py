"""Keys of the API: what is stored of each. That they exist is on record, by events."""

from alembic import op

revision = "keys"
down_revision = "search"

ROLE = """
DO $$ BEGIN
    IF to_regrole('onrecord_access') IS NULL THEN
        BEGIN
            CREATE ROLE onrecord_access NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles are the cluster's; another database made it just now
        END;
    END IF;
    IF NOT pg_has_role(current_user, 'onrecord_access', 'USAGE') THEN
        EXECUTE format('GRANT onrecord_access TO %I', current_user);
    END IF;
END $$
"""

TABLES = """
CREATE SCHEMA access;

CREATE TABLE access.keys (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    scopes text[] NOT NULL,
    sha256 bytea NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT keys_sha256_has_256_bits CHECK (octet_length(sha256) = 32)
);

-- A key never gets another digest or more scopes, and a revocation stays.
CREATE FUNCTION access.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a key is revoked for good' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keys_stay_revoked BEFORE UPDATE ON access.keys FOR EACH ROW
    WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
    EXECUTE FUNCTION access.refuse();
"""

GRANTS = """
GRANT USAGE ON SCHEMA access TO onrecord_access;
GRANT SELECT, INSERT, UPDATE (last_used_at, revoked_at) ON access.keys TO onrecord_access;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(ROLE)
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(TABLES)
    op.execute(GRANTS)
    op.execute("RESET ROLE")
