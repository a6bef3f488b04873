-- Revokes a key; the instant of the first revocation stays. Parameters: id. Result: a row, or none.
UPDATE access.keys
SET revoked_at = coalesce(revoked_at, clock_timestamp())
WHERE id = CAST(:id AS uuid)
RETURNING id
