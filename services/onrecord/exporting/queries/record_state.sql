-- The installation, and what the tree of the ledger is computed from at a size.
--
-- Parameters: size. Result: one row; frontier: of the last commit within that size, frontier_size;
-- recorded_at: when the last entry within that size was recorded.
SELECT
    (SELECT id FROM webhooks.installation) AS installation,
    coalesce(last_commit.size, 0) AS frontier_size,
    last_commit.frontier,
    (
        SELECT recorded_at FROM ledger.commits
        WHERE known.size > 0 AND commits.size >= known.size
        ORDER BY commits.size LIMIT 1
    ) AS recorded_at
FROM (VALUES (CAST(:size AS bigint))) known (size)
    LEFT JOIN LATERAL (
        SELECT size, frontier FROM ledger.commits
        WHERE commits.size <= known.size
        ORDER BY commits.size DESC LIMIT 1
    ) last_commit ON true
