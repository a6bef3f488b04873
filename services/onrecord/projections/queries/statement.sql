-- The last version of a statement that is visible in the snapshot, also where it was retracted.
--
-- Parameters: id, known_size.
WITH snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 2 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock
    FROM projections.checkpoints
    WHERE live AND name IN ('statements', 'clock')
),
version AS (
    SELECT statements.* FROM projections.statements, snapshot
    WHERE statements.generation = snapshot.statements AND statements.id = CAST(:id AS uuid)
        AND statements.open_seq < snapshot.known_size
    ORDER BY statements.open_seq DESC LIMIT 1
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    version.id, version.doc, version.erased, version.said_from, version.made_seq, version.open_seq,
    version.event, version.recorded_at, version.recorded_by, version.close_seq, version.close_event,
    version.close_type, version.close_by, version.close_reason,
    projections.recorder(version.close_seq) AS closed_by,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq <= version.close_seq
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS closed_at
FROM snapshot
    LEFT JOIN version ON true
