-- Notes that keys were used until now. Parameters: ids. Result: their ids.
UPDATE access.keys
SET last_used_at = clock_timestamp()
WHERE id = ANY (CAST(:ids AS uuid[]))
RETURNING id
