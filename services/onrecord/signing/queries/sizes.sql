-- Sizes for metrics. Result: a row with key null for the log itself, and one for each key of a
-- witness that has ever cosigned, each found through an index; size: the largest one that is
-- signed or cosigned.
WITH RECURSIVE witnesses AS (
    (SELECT key FROM signing.cosignatures ORDER BY key LIMIT 1)
    UNION ALL
    SELECT (SELECT c.key FROM signing.cosignatures c WHERE c.key > w.key ORDER BY c.key LIMIT 1)
    FROM witnesses w WHERE w.key IS NOT NULL
)
SELECT NULL AS key, (SELECT size FROM signing.checkpoints ORDER BY size DESC LIMIT 1) AS size
UNION ALL
SELECT key, (
    SELECT size FROM signing.cosignatures c WHERE c.key = w.key ORDER BY size DESC LIMIT 1
)
FROM witnesses w WHERE key IS NOT NULL
