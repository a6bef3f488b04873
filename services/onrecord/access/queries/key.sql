-- A key by its id. Parameters: id. Result: a row, or none.
SELECT id, name, scopes, sha256, expires_at, created_at, last_used_at, revoked_at
FROM access.keys
WHERE id = CAST(:id AS uuid)
