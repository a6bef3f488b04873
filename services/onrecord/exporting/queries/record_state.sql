-- The installation, and what the tree of the ledger is computed from at a size.
--
-- Parameters: size. Result: one row; frontier: of the last commit within that size, frontier_size;
-- recorded_at: when the last entry within that size was recorded.
SELECT
    (SELECT id FROM webhooks.installation) AS installation,
    coalesce(begun.size, 0) AS frontier_size,
    begun.frontier,
    (
        SELECT recorded_at FROM ledger.commits
        WHERE CAST(:size AS bigint) > 0 AND commits.size >= CAST(:size AS bigint)
        ORDER BY commits.size LIMIT 1
    ) AS recorded_at
FROM (SELECT) one
    LEFT JOIN LATERAL (
        SELECT size, frontier FROM ledger.commits
        WHERE commits.size <= CAST(:size AS bigint)
        ORDER BY commits.size DESC LIMIT 1
    ) begun ON true
