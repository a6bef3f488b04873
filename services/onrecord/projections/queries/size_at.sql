-- The size that the ledger had at a time; provisional where entries of before may still be added.
--
-- Parameters: known_at.
SELECT
    coalesce((
        SELECT clock.size FROM projections.clock
        WHERE clock.generation = (
            SELECT generation FROM projections.checkpoints WHERE live AND name = 'clock'
        )
            AND clock.recorded_at <= :known_at
        ORDER BY clock.recorded_at DESC LIMIT 1
    ), 0) AS size,
    -- An entry gets its time before it is committed, and later ones never get an earlier time,
    -- unless a clock is set back by more than a minute while nothing is written.
    :known_at > greatest(
        '-infinity',
        (
            SELECT max(clock.recorded_at) - interval '5 seconds' FROM projections.clock
            WHERE clock.generation = (
                SELECT generation FROM projections.checkpoints WHERE live AND name = 'clock'
            )
        ),
        (SELECT max(complete_at) - interval '1 minute' FROM projections.sweeps)
    ) AS provisional
