-- The checkpoint of each live projection, and the time of the last sweep.
SELECT checkpoints.*, (SELECT max(at) FROM projections.sweeps) AS swept_at
FROM projections.checkpoints
WHERE checkpoints.live
ORDER BY checkpoints.name
