-- The last version of a position that is visible in the snapshot, also where it was retracted.
--
-- Parameters: id, known_size. Its place in a timeline, with the kind of its change, is null where
-- it is retracted.
WITH RECURSIVE snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 6 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'positions'), 0) AS positions,
        coalesce(max(generation) FILTER (WHERE name = 'changes'), 0) AS changes,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements
    FROM projections.checkpoints
    WHERE live AND name IN ('positions', 'changes', 'actors', 'clock', 'topics', 'statements')
),
version AS MATERIALIZED (
    SELECT steps.* FROM projections.steps, snapshot
    WHERE steps.generation = snapshot.positions AND steps.id = CAST(:id AS uuid)
        AND steps.open_seq < snapshot.known_size
    ORDER BY steps.open_seq DESC LIMIT 1
),
merge_path AS (
    SELECT version.actor AS id, 0 AS depth FROM version
    UNION ALL
    SELECT target.into_actor, merge_path.depth + 1
    FROM snapshot, merge_path, LATERAL (
        SELECT merges.into_actor FROM projections.merges
        WHERE merges.generation = snapshot.actors AND merges.id = merge_path.id
            AND merges.open_seq < snapshot.known_size AND merges.close_seq >= snapshot.known_size
        ORDER BY merges.open_seq DESC LIMIT 1
    ) target
),
canonical AS MATERIALIZED (
    SELECT id FROM merge_path ORDER BY depth DESC LIMIT 1
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    version.id, canonical.id AS actor, version.actor AS recorded_as, version.topic,
    version.stance, version.condition, version.summary, version.rationale, version.effective,
    version.ord, version.basis, version.coder, version.made_seq, version.open_seq, version.event,
    version.recorded_at, version.recorded_by, version.close_seq, version.close_event,
    version.close_type, version.close_by, version.close_reason,
    projections.recorder(version.close_seq) AS closed_by,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq <= version.close_seq
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS closed_at,
    step.kind, step.change_size, step.late, step.before_id, step.before_stance,
    previous_run.effective AS before_since,
    CASE step.kind WHEN 'reaffirmed' THEN previous_run.effective ELSE step.effective END AS since,
    (
        SELECT actors.names FROM projections.actors
        WHERE actors.generation = snapshot.actors AND actors.id = canonical.id
            AND actors.open_seq < snapshot.known_size
            AND actors.close_seq >= snapshot.known_size
    ) AS actor_names,
    (
        SELECT topics.label FROM projections.topics
        WHERE topics.generation = snapshot.topics AND topics.id = version.topic
            AND topics.open_seq < snapshot.known_size
            AND topics.close_seq >= snapshot.known_size
    ) AS topic_label,
    ARRAY(
        SELECT jsonb_build_object(
            'id', statements.id, 'event', statements.event, 'recorded_at', statements.recorded_at,
            'recorded_by', statements.recorded_by,
            'erased', statements.erased, 'status', CASE
                WHEN statements.open_seq > statements.made_seq THEN 'corrected'
                ELSE 'on_record'
            END
        ) || statements.doc
        FROM projections.statements
        WHERE statements.generation = snapshot.statements
            AND statements.id = ANY (version.basis)
            AND statements.open_seq < snapshot.known_size
            AND statements.close_seq >= snapshot.known_size
        ORDER BY statements.said_from, statements.made_seq
    ) AS statements,
    ARRAY(
        SELECT json_build_object(
            'id', retracted.id, 'event', retracted.close_event, 'seq', retracted.close_seq,
            'by', retracted.close_by, 'reason', retracted.close_reason,
            'recorded_by', projections.recorder(retracted.close_seq), 'recorded_at', (
                SELECT clock.recorded_at FROM projections.clock
                WHERE clock.generation = snapshot.clock AND clock.open_seq <= retracted.close_seq
                ORDER BY clock.open_seq DESC LIMIT 1
            )
        )
        FROM projections.statements retracted
        WHERE retracted.generation = snapshot.statements
            AND retracted.id = ANY (version.basis)
            AND retracted.close_seq < snapshot.known_size
            AND retracted.close_type = 'statement.retracted'
            AND NOT EXISTS (  -- a correction undoes a retraction
                SELECT FROM projections.statements later
                WHERE later.generation = snapshot.statements AND later.id = retracted.id
                    AND later.open_seq > retracted.close_seq
                    AND later.open_seq < snapshot.known_size
            )
        ORDER BY retracted.close_seq
    ) AS retracted_basis
FROM snapshot
    LEFT JOIN version ON true
    LEFT JOIN canonical ON true
    LEFT JOIN LATERAL (
        SELECT changes.* FROM projections.changes
        WHERE changes.generation = snapshot.changes AND changes.id = version.id
            AND changes.open_seq < snapshot.known_size
            AND changes.close_seq >= snapshot.known_size
        ORDER BY changes.open_seq DESC LIMIT 1
    ) step ON true
    LEFT JOIN LATERAL (
        SELECT changes.effective FROM projections.changes
        WHERE step.before_id IS NOT NULL AND changes.kind <> 'reaffirmed'
            AND changes.generation = snapshot.changes
            AND changes.open_seq < snapshot.known_size
            AND changes.close_seq >= snapshot.known_size
            AND changes.line = hashtextextended(step.actor || ' ' || step.topic, 0)
            AND changes.actor || ' ' || changes.topic = step.actor || ' ' || step.topic
            AND (changes.valid_from, changes.ord, changes.made_seq)
                < (step.valid_from, step.ord, step.made_seq)
        ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC LIMIT 1
    ) previous_run ON true
