-- The head of the ledger, and the keys of the log. Result: one row; size and recorded_at are null
-- in an empty ledger; origin and keys are null before the first signature.
SELECT head.size, head.recorded_at, head.root, log.origin, log.keys
FROM (SELECT) always
LEFT JOIN (
    SELECT size, recorded_at, root FROM ledger.commits ORDER BY size DESC LIMIT 1
) head ON true
CROSS JOIN (
    SELECT max(origin) AS origin, array_agg(vkey ORDER BY since_size DESC, vkey) AS keys
    FROM signing.keys
) log
