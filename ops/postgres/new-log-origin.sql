-- Takes the signatures of the old log out of the database, so that a log of a new origin can begin.
-- For ops/runbooks/the-signer-refuses.md alone: dump the schema `signing` first, it is evidence.
-- Run it as the user who migrates: psql -v ON_ERROR_STOP=1 -f ops/postgres/new-log-origin.sql URL
BEGIN;
SET LOCAL lock_timeout = '10s';
SET LOCAL ROLE onrecord_migrator;
ALTER TABLE signing.cosignatures DISABLE TRIGGER cosignatures_refuse_truncate;
ALTER TABLE signing.checkpoints DISABLE TRIGGER checkpoints_refuse_truncate;
ALTER TABLE signing.keys DISABLE TRIGGER keys_refuse_truncate;
TRUNCATE signing.cosignatures, signing.checkpoints, signing.keys;
ALTER TABLE signing.cosignatures ENABLE ALWAYS TRIGGER cosignatures_refuse_truncate;
ALTER TABLE signing.checkpoints ENABLE ALWAYS TRIGGER checkpoints_refuse_truncate;
ALTER TABLE signing.keys ENABLE ALWAYS TRIGGER keys_refuse_truncate;
COMMIT;
