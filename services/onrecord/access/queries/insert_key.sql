-- Makes a key usable. Parameters: id, name, scopes, sha256, expires_at. A key that is there already
-- stays as it is. Result: its id if it is new.
INSERT INTO access.keys (id, name, scopes, sha256, expires_at)
VALUES (
    CAST(:id AS uuid), :name, CAST(:scopes AS text[]), CAST(:sha256 AS bytea),
    CAST(:expires_at AS timestamptz)
)
ON CONFLICT (id) DO NOTHING
RETURNING id
