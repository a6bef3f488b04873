-- The last version of a statement that is visible in the snapshot, also where it was retracted.
--
-- Parameters: id, known_size.
WITH snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 4 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock
    FROM projections.checkpoints
    WHERE live AND name IN ('statements', 'actors', 'topics', 'clock')
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
    ARRAY(
        SELECT (
            SELECT actors.names FROM projections.actors
            WHERE actors.generation = snapshot.actors AND actors.id = speakers.speaker ->> 'actor'
                AND actors.open_seq < snapshot.known_size
                AND actors.close_seq >= snapshot.known_size
        )
        FROM jsonb_array_elements(version.doc -> 'speakers') WITH ORDINALITY speakers (speaker, n)
        ORDER BY speakers.n
    ) AS speaker_names,
    ARRAY(
        SELECT (
            SELECT topics.label FROM projections.topics
            WHERE topics.generation = snapshot.topics AND topics.id = topic_ids.id
                AND topics.open_seq < snapshot.known_size
                AND topics.close_seq >= snapshot.known_size
        )
        FROM unnest(version.topics) WITH ORDINALITY topic_ids (id, n)
        ORDER BY topic_ids.n
    ) AS topic_labels,
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
