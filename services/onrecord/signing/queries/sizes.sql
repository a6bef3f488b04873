-- Sizes for metrics. Result: a row with vkey null for the log itself, and one for each witness that has
-- ever cosigned, each found through an index; size: the largest one that is signed or cosigned.
WITH RECURSIVE witnesses AS (
    (SELECT vkey FROM signing.cosignatures ORDER BY vkey LIMIT 1)
    UNION ALL
    SELECT (SELECT c.vkey FROM signing.cosignatures c WHERE c.vkey > w.vkey ORDER BY c.vkey LIMIT 1)
    FROM witnesses w WHERE w.vkey IS NOT NULL
)
SELECT NULL AS vkey, (SELECT size FROM signing.checkpoints ORDER BY size DESC LIMIT 1) AS size
UNION ALL
SELECT vkey, (
    SELECT size FROM signing.cosignatures c WHERE c.vkey = w.vkey ORDER BY size DESC LIMIT 1
)
FROM witnesses w WHERE vkey IS NOT NULL
