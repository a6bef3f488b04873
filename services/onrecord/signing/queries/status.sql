-- How far the log is signed. Result: one row; signed_size: of the newest checkpoint, null
-- before the first; waiting_seconds: how long ago the first event was recorded that is not
-- signed, null if all are.
SELECT signed.size AS signed_size, (
    SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8
    FROM ledger.commits WHERE size > coalesce(signed.size, 0) ORDER BY size LIMIT 1
) AS waiting_seconds
FROM (SELECT) always
LEFT JOIN (SELECT size FROM signing.checkpoints ORDER BY size DESC LIMIT 1) signed ON true
