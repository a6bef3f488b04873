-- Keys in the order of their creation, which is that of their ids. Parameters: limit, and after:
-- the id before the first, or null.
SELECT id, name, scopes, sha256, expires_at, created_at, last_used_at, revoked_at
FROM access.keys
WHERE CAST(:after AS uuid) IS NULL OR id > CAST(:after AS uuid)
ORDER BY id
LIMIT CAST(:limit AS bigint)
