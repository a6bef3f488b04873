-- A topic by its id.
--
-- Parameters: id, known_size.
WITH snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 2 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock
    FROM projections.checkpoints
    WHERE live AND name IN ('topics', 'clock')
),
topic AS (
    SELECT topics.id, topics.label, topics.proposition, topics.broader,
        topics.event, topics.recorded_at, topics.recorded_by
    FROM snapshot CROSS JOIN projections.topics
    WHERE topics.generation = snapshot.topics
        AND topics.open_seq < snapshot.known_size
        AND topics.close_seq >= snapshot.known_size
        AND topics.id = :id
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    topic.*
FROM snapshot
    LEFT JOIN topic ON true
