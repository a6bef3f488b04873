-- The size of a snapshot over some projections: the least of their checkpoints, 0 where one of them
-- has no live generation.
--
-- Parameters: names, an array.
SELECT CASE WHEN count(*) = cardinality(CAST(:names AS text[])) THEN min(size) ELSE 0 END AS size
FROM projections.checkpoints
WHERE live AND name = ANY (CAST(:names AS text[]))
