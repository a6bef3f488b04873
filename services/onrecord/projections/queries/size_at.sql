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
    :known_at > greatest(
        '-infinity',
        (
            SELECT max(clock.recorded_at) FROM projections.clock
            WHERE clock.generation = (
                SELECT generation FROM projections.checkpoints WHERE live AND name = 'clock'
            )
        ),
        (SELECT max(complete_at) FROM projections.sweeps)
    ) - interval '5 seconds' AS provisional
