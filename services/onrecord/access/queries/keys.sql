-- Keys in the order of their creation, which is that of their ids. Parameters: after, limit.
SELECT id, name, scopes, sha256, expires_at, created_at, last_used_at, revoked_at
FROM access.keys
WHERE id > CAST(:after AS uuid)
ORDER BY id
LIMIT CAST(:limit AS bigint)
