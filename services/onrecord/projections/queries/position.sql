-- The position of an actor on a topic at a date, for several requests at once.
--
-- params: a JSON array of {n, actor, topic, as_of, known_size}; n numbers the requests.
-- Result: one row for each request, its n and the answer as one JSON value. JSON is parsed in half
-- the time of as many columns.
-- Subqueries are LATERAL joins and not CTEs: most of the cost of a small query is setting up its
-- plan, and each reference to a CTE adds two nodes to it.
SELECT params.n, result.answer
FROM json_to_recordset(CAST(:params AS json))
        AS params (n bigint, actor text, topic text, as_of timestamptz, known_size bigint),
    LATERAL (
    WITH RECURSIVE snapshot AS MATERIALIZED (
        SELECT
            least(
                coalesce(params.known_size, 9223372036854775807),
                CASE WHEN count(*) = 6 THEN min(size) ELSE 0 END
            ) AS known_size,
            coalesce(max(generation) FILTER (WHERE name = 'positions'), 0) AS positions,
            coalesce(max(generation) FILTER (WHERE name = 'changes'), 0) AS changes,
            coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
            coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock,
            coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
            coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics
        FROM projections.checkpoints
        WHERE live
            AND name IN ('positions', 'changes', 'actors', 'clock', 'statements', 'topics')
    ),
    merge_path AS (
        SELECT params.actor AS id, 0 AS depth
        UNION ALL
        SELECT target.into_actor, merge_path.depth + 1
        FROM snapshot, merge_path, LATERAL (
            SELECT merges.into_actor FROM projections.merges
            WHERE merges.generation = snapshot.actors AND merges.id = merge_path.id
                AND merges.open_seq < snapshot.known_size
                AND merges.close_seq >= snapshot.known_size
            ORDER BY merges.open_seq DESC LIMIT 1
        ) target
    ),
    canonical AS MATERIALIZED (
        SELECT actor.id, actor.names, actor.id || ' ' || params.topic AS timeline
        FROM snapshot,
            (SELECT id FROM merge_path ORDER BY depth DESC LIMIT 1) target,
            LATERAL (
                SELECT actors.id, actors.names FROM projections.actors
                WHERE actors.generation = snapshot.actors AND actors.id = target.id
                    AND actors.open_seq < snapshot.known_size
                    AND actors.close_seq >= snapshot.known_size
                ORDER BY actors.open_seq DESC LIMIT 1
            ) actor
    )
    SELECT to_json(answer) AS answer FROM (
        SELECT
            snapshot.known_size,
            (
                SELECT clock.recorded_at FROM projections.clock
                WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
                ORDER BY clock.open_seq DESC LIMIT 1
            ) AS known_at,
            canonical.id AS actor,
            canonical.names AS actor_names,
            (
                SELECT coalesce(topics.label, '') FROM projections.topics
                WHERE topics.generation = snapshot.topics AND topics.id = params.topic
                    AND topics.open_seq < snapshot.known_size
                    AND topics.close_seq >= snapshot.known_size
            ) AS topic_label,
            (
                SELECT count(DISTINCT seq) FILTER (WHERE seq < snapshot.known_size) FROM (
                    SELECT unnest(ARRAY[steps.open_seq, steps.close_seq]) AS seq
                    FROM projections.steps
                    WHERE steps.generation = snapshot.positions
                        AND steps.actor = canonical.id AND steps.topic = params.topic
                ) step_events
            ) AS revision,
            step.id, step.stance, step.condition, step.effective,
            CASE step.kind WHEN 'reaffirmed' THEN previous_run.effective ELSE step.effective END
                AS since,
            step.kind, step.change_size, step.before_id, step.before_stance,
            previous_run.effective AS before_since,
            event.summary, event.basis, event.coder, event.recorded_at, event.recorded_by,
            -- All steps that may have been held, and perhaps more: whatever surely ended before
            -- begun.by is over, and no date but `../D` spans more than a year.
            ARRAY(
                SELECT json_build_object(
                    'id', candidate.id, 'stance', candidate.stance,
                    'condition', candidate.condition, 'effective', candidate.effective,
                    'order', candidate.ord, 'seq', candidate.made_seq
                )
                FROM (
                    SELECT * FROM projections.changes
                    WHERE changes.generation = snapshot.changes
                        AND changes.open_seq < snapshot.known_size
                        AND changes.close_seq >= snapshot.known_size
                        AND changes.line = hashtextextended(canonical.timeline, 0)
                        AND changes.actor || ' ' || changes.topic = canonical.timeline
                        AND changes.valid_from
                            BETWEEN begun.by - interval '366 days' AND params.as_of
                        AND changes.latest >= begun.by
                    UNION ALL
                    SELECT * FROM projections.changes
                    WHERE changes.generation = snapshot.changes
                        AND changes.open_seq < snapshot.known_size
                        AND changes.close_seq >= snapshot.known_size
                        AND changes.actor = canonical.id AND changes.topic = params.topic
                        AND changes.valid_from > params.as_of
                        AND changes.earliest = '0001-01-01 00:00:00+00'
                ) candidate
            ) AS candidates,
            ARRAY(
                SELECT json_build_object(
                    'id', statements.id, 'event', statements.event,
                    'recorded_at', statements.recorded_at,
                    'recorded_by', statements.recorded_by,
                    'erased', statements.erased, 'doc', statements.doc, 'status', CASE
                        WHEN statements.open_seq > statements.made_seq THEN 'corrected'
                        ELSE 'on_record'
                    END
                )
                FROM projections.statements
                WHERE statements.generation = snapshot.statements
                    AND statements.id = ANY(event.basis)
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
                        WHERE clock.generation = snapshot.clock
                            AND clock.open_seq <= retracted.close_seq
                        ORDER BY clock.open_seq DESC LIMIT 1
                    )
                )
                FROM projections.statements retracted
                WHERE retracted.generation = snapshot.statements
                    AND retracted.id = ANY (event.basis)
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
            LEFT JOIN canonical ON true
            LEFT JOIN LATERAL (  -- the last step of the timeline by as_of
                SELECT changes.id, changes.valid_from, changes.ord, changes.made_seq,
                    changes.earliest, changes.latest, changes.effective, changes.stance,
                    changes.condition, changes.before_id, changes.before_stance, changes.kind,
                    changes.change_size
                FROM projections.changes
                WHERE changes.generation = snapshot.changes
                    AND changes.open_seq < snapshot.known_size
                    AND changes.close_seq >= snapshot.known_size
                    AND changes.line = hashtextextended(canonical.timeline, 0)
                    AND changes.actor || ' ' || changes.topic = canonical.timeline
                    AND changes.valid_from <= params.as_of
                ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC
                LIMIT 1
            ) step ON true
            LEFT JOIN LATERAL (  -- the content of its event
                SELECT steps.summary, steps.basis, steps.coder, steps.recorded_at,
                    steps.recorded_by
                FROM projections.steps
                WHERE steps.generation = snapshot.positions AND steps.id = step.id
                    AND steps.open_seq < snapshot.known_size
                    AND steps.close_seq >= snapshot.known_size
                ORDER BY steps.open_seq DESC LIMIT 1
            ) event ON true
            LEFT JOIN LATERAL (  -- the start of the run that the step before it belongs to
                SELECT changes.effective FROM projections.changes
                WHERE step.before_id IS NOT NULL AND changes.kind <> 'reaffirmed'
                    AND changes.generation = snapshot.changes
                    AND changes.open_seq < snapshot.known_size
                    AND changes.close_seq >= snapshot.known_size
                    AND changes.line = hashtextextended(canonical.timeline, 0)
                    AND changes.actor || ' ' || changes.topic = canonical.timeline
                    AND (changes.valid_from, changes.ord, changes.made_seq)
                        < (step.valid_from, step.ord, step.made_seq)
                ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC
                LIMIT 1
            ) previous_run ON true
            LEFT JOIN LATERAL (  -- the date by which the last step that surely began had begun
                SELECT CASE
                    WHEN step.latest <= params.as_of AND step.earliest > '0001-01-01 00:00:00+00'
                        THEN step.earliest
                    WHEN step.id IS NOT NULL THEN coalesce((
                        SELECT changes.earliest FROM projections.changes
                        WHERE changes.generation = snapshot.changes
                            AND changes.open_seq < snapshot.known_size
                            AND changes.close_seq >= snapshot.known_size
                            AND changes.line = hashtextextended(canonical.timeline, 0)
                            AND changes.actor || ' ' || changes.topic = canonical.timeline
                            AND changes.valid_from <= params.as_of
                            AND changes.latest <= params.as_of
                            AND changes.earliest > '0001-01-01 00:00:00+00'
                        ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC
                        LIMIT 1
                    ), '-infinity')
                END AS by
            ) begun ON true
    ) answer
) result
