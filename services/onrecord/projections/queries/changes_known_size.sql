-- The size up to which each event's kind of change is known; 0 where a projection is missing.
-- A reader of kinds must not go beyond it: what is not folded yet is not known yet. The projection
-- of changes is never ahead of that of actors, whose merges it reads.
SELECT CASE
    WHEN count(*) = 2
        THEN least(min(size), (SELECT coalesce(max(size), 0) FROM ledger.commits))
    ELSE 0
END AS size
FROM projections.checkpoints
WHERE live AND name IN ('positions', 'changes')
