-- The size up to which events can be delivered; 0 where a projection is missing. Deliveries say
-- what is in these projections (kinds of change, names, labels, words), so they wait for them all.
SELECT CASE
    WHEN count(*) = 5
        THEN least(min(size), (SELECT coalesce(max(size), 0) FROM ledger.commits))
    ELSE 0
END AS size
FROM projections.checkpoints
WHERE live AND name IN ('positions', 'changes', 'actors', 'topics', 'statements')
