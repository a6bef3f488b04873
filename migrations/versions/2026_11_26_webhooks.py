"""Webhooks: endpoints with their filters, and deliveries with their attempts."""

from alembic import op

revision = "webhooks"
down_revision = "changes"

ROLE = """
DO $$ BEGIN
    IF to_regrole('onrecord_webhooks') IS NULL THEN
        BEGIN
            CREATE ROLE onrecord_webhooks NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles are the cluster's; another database made it just now
        END;
    END IF;
    IF NOT pg_has_role(current_user, 'onrecord_webhooks', 'USAGE') THEN
        EXECUTE format('GRANT onrecord_webhooks TO %I', current_user);
    END IF;
END $$
"""

TABLES = """
CREATE SCHEMA webhooks;

CREATE TABLE webhooks.endpoints (
    id uuid PRIMARY KEY,
    url text NOT NULL,
    description text,
    types text[] NOT NULL,
    actors text[] NOT NULL,
    topics text[] NOT NULL,
    kinds text[] NOT NULL,
    ordered boolean NOT NULL,
    secret text NOT NULL,
    old_secret text,
    old_until timestamptz,
    size bigint NOT NULL,
    from_seq bigint,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    paused_at timestamptz,
    paused_reason text,
    paused_by text,
    failures integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    probe_at timestamptz,
    deleted_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX endpoints_behind ON webhooks.endpoints (from_seq) WHERE from_seq IS NOT NULL;
CREATE INDEX endpoints_deleted ON webhooks.endpoints (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE webhooks.interests (
    by text NOT NULL,
    name text NOT NULL,
    endpoint uuid NOT NULL,
    PRIMARY KEY (by, name, endpoint)
);
CREATE INDEX interests_endpoint ON webhooks.interests (endpoint);

CREATE TABLE webhooks.deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint uuid NOT NULL,
    seq bigint,
    event uuid NOT NULL,
    lane smallint NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    tries integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    lease bigint,
    leased_at timestamptz,
    lease_until timestamptz,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    UNIQUE (endpoint, seq),
    CONSTRAINT deliveries_state CHECK (state IN ('pending', 'sending', 'delivered', 'failed'))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX deliveries_listed ON webhooks.deliveries (endpoint, state, id);
CREATE INDEX deliveries_pending ON webhooks.deliveries (endpoint, lane, seq)
    WHERE state = 'pending';
CREATE INDEX deliveries_retried ON webhooks.deliveries (endpoint, next_attempt_at)
    WHERE state = 'pending' AND lane = 1;
CREATE INDEX deliveries_sending ON webhooks.deliveries (endpoint, lease_until)
    WHERE state = 'sending';
CREATE SEQUENCE webhooks.leases;

CREATE TABLE webhooks.attempts (
    delivery bigint NOT NULL,
    number integer NOT NULL,
    began_at timestamptz NOT NULL,
    seconds real,
    ok boolean,
    status smallint,
    error text,
    answer bytea,
    PRIMARY KEY (delivery, number)
);

CREATE TABLE webhooks.replays (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint uuid NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL,
    at_seq bigint NOT NULL,
    events bigint NOT NULL,
    queued bigint NOT NULL DEFAULT 0,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    filled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);
CREATE UNIQUE INDEX replays_one ON webhooks.replays (endpoint) WHERE ended_at IS NULL;
CREATE INDEX replays_endpoint ON webhooks.replays (endpoint, id);

CREATE TABLE webhooks.tallies (
    deliverer uuid PRIMARY KEY,
    delivered bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    unknown bigint NOT NULL DEFAULT 0,
    given_up bigint NOT NULL DEFAULT 0
);

CREATE TABLE webhooks.checkpoints (
    name text PRIMARY KEY,
    size bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- There are no endpoints yet, so what is on record by now concerns none.
INSERT INTO webhooks.checkpoints (name, size)
SELECT 'fan_out', coalesce(max(size), 0) FROM ledger.commits;
"""

GRANTS = """
GRANT USAGE ON SCHEMA ledger, projections, webhooks TO onrecord_webhooks;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger, projections TO onrecord_webhooks;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA webhooks TO onrecord_webhooks;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA webhooks TO onrecord_webhooks;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(ROLE)
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(TABLES)
    op.execute(GRANTS)
    op.execute("RESET ROLE")
