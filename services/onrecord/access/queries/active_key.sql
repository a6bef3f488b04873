-- Whether any key can be used now.
SELECT EXISTS (
    SELECT FROM access.keys
    WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
) AS active
