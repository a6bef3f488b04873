-- When entries of the ledger were recorded.
--
-- Parameters: seqs, known_size.
WITH snapshot AS MATERIALIZED (
    SELECT
        least(coalesce(CAST(:known_size AS bigint), 9223372036854775807), coalesce(min(size), 0))
            AS known_size,
        coalesce(max(generation), 0) AS clock
    FROM projections.checkpoints
    WHERE live AND name = 'clock'
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    wanted.seq,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq <= wanted.seq
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS recorded_at
FROM snapshot
    LEFT JOIN (SELECT unnest(CAST(:seqs AS bigint[])) AS seq) wanted ON true
