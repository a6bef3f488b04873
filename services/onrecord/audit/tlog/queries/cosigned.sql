-- The newest checkpoints with cosignatures, newest first: enough to find one that a quorum
-- cosigned. Result: rows of size, keys (name and id) of those who cosigned, and for how many
-- seconds the log has had a longer checkpoint, null if it has none.
SELECT cosigned.size, cosigned.keys, (
    SELECT extract(epoch FROM clock_timestamp() - signed_at)::float8
    FROM signing.checkpoints WHERE size > cosigned.size ORDER BY size LIMIT 1
) AS seconds_behind
FROM (
    SELECT size, array_agg(key) AS keys FROM signing.cosignatures
    GROUP BY size ORDER BY size DESC LIMIT 16
) cosigned
ORDER BY cosigned.size DESC
