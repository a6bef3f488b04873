-- The same as status.sql, with the size of the ledger (ledger), the seconds for which the first
-- entry that is not folded has waited (waits), and the generation that is being built (next).
-- pace: entries a second of its parts, while workers fold them.
SELECT checkpoints.*, (SELECT max(at) FROM projections.sweeps) AS swept_at,
    head.ledger, backlog.waits, rebuild.next, rebuild.next_size, rebuild.next_stopped,
    part.parts, part.until, part.pace
FROM projections.checkpoints
CROSS JOIN (SELECT coalesce(max(size), 0) AS ledger FROM ledger.commits) head
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM clock_timestamp() - min(recorded_at))::float8 AS waits
    FROM (
        SELECT recorded_at FROM ledger.commits
        WHERE commits.size > checkpoints.size
        ORDER BY commits.size LIMIT 1
    ) first_unfolded
) backlog
LEFT JOIN LATERAL (
    SELECT building.generation AS next, building.size AS next_size,
        building.stopped_seq AS next_stopped
    FROM projections.checkpoints building
    WHERE building.name = checkpoints.name AND building.generation > checkpoints.generation
) rebuild ON true
LEFT JOIN LATERAL (
    SELECT array_agg(size ORDER BY part) AS parts, max(until) AS until,
        (
            avg(size - since_size)
            / nullif(extract(epoch FROM max(moved_at) - min(since_at)), 0)
        )::float8 AS pace
    FROM projections.parts
    WHERE parts.name = checkpoints.name AND parts.generation = rebuild.next
) part ON true
WHERE checkpoints.live
ORDER BY checkpoints.name
