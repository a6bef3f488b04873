-- First-hand statements that were read as another side of the scale (for it, against it, neutral)
-- than a position that may have been held when they were said, with all positions that may have
-- been and perhaps more: `domain.contradictions` decides, as both dates may be inexact.
--
-- Parameters: known_size, max_candidates; after: only statements made before this seq.
WITH RECURSIVE snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 6 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
        coalesce(max(generation) FILTER (WHERE name = 'dismissals'), 0) AS dismissals,
        coalesce(max(generation) FILTER (WHERE name = 'changes'), 0) AS changes,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics
    FROM projections.checkpoints
    WHERE live AND name IN ('statements', 'dismissals', 'changes', 'actors', 'clock', 'topics')
),
scanned AS MATERIALIZED (
    SELECT (
        SELECT statements.made_seq FROM projections.statements
        WHERE statements.generation = (SELECT statements FROM snapshot)
            AND statements.doc ? 'stances'
            AND statements.made_seq
                < (SELECT least(CAST(:after AS bigint), known_size) FROM snapshot)
        ORDER BY statements.made_seq DESC
        OFFSET CAST(:max_candidates AS bigint) - 1 LIMIT 1
    ) AS last
),
--? if dismissed
dismissed AS MATERIALIZED (
    SELECT unnest(dismissals.statements) AS statement FROM snapshot, projections.dismissals
    WHERE dismissals.generation = snapshot.dismissals AND dismissals.kind = 'contradiction'
        AND dismissals.open_seq < snapshot.known_size
        AND dismissals.close_seq >= snapshot.known_size
),
--? end dismissed
page AS MATERIALIZED (
    SELECT statements.id, statements.made_seq, statements.said_from, statements.said_until,
        statements.doc ->> 'said_at' AS said_at, statements.doc -> 'speakers' AS speakers,
        statements.doc -> 'stances' AS stances
    FROM snapshot, projections.statements
    WHERE statements.generation = (SELECT statements FROM snapshot)
        AND statements.open_seq < snapshot.known_size
        AND statements.close_seq >= snapshot.known_size
        AND statements.doc ? 'stances' AND NOT statements.doc ? 'embedded_in'
        AND (statements.id IN (SELECT statement FROM dismissed)) IS TRUE  --? dismissed
        AND statements.made_seq >= (SELECT coalesce(last, 0) FROM scanned)
        AND statements.made_seq < (SELECT least(CAST(:after AS bigint), known_size) FROM snapshot)
),
-- One row for each canonical speaker and coded stance of a statement.
reading AS (
    SELECT DISTINCT page.id, page.made_seq, page.said_at,
        CASE
            WHEN page.said_at LIKE '../%' THEN '0001-01-01 00:00:00+00'
            ELSE page.said_from
        END AS said_from,
        page.said_until,
        coded ->> 'topic' AS topic, coded ->> 'stance' AS stance,
        CASE
            WHEN coded ->> 'stance' IN ('oppose', 'conditional_oppose') THEN -1
            WHEN coded ->> 'stance' = 'neutral' THEN 0
            WHEN coded ->> 'stance' IN ('conditional_support', 'support') THEN 1
        END AS side,
        (
            WITH RECURSIVE merge_path (id, depth) AS (
                SELECT speaker ->> 'actor', 0
                UNION ALL
                SELECT target.into_actor, merge_path.depth + 1
                FROM merge_path, LATERAL (
                    SELECT merges.into_actor FROM projections.merges
                    WHERE merges.generation = snapshot.actors AND merges.id = merge_path.id
                        AND merges.open_seq < snapshot.known_size
                        AND merges.close_seq >= snapshot.known_size
                    ORDER BY merges.open_seq DESC LIMIT 1
                ) target
            )
            SELECT id FROM merge_path ORDER BY depth DESC LIMIT 1
        ) AS actor
    FROM snapshot, page, jsonb_array_elements(page.speakers) speaker,
        jsonb_array_elements(page.stances) coded
),
finding AS (
    SELECT reading.made_seq, CAST(reading.made_seq AS text) AS place, reading.id AS statement,
        reading.actor, reading.topic, reading.stance AS statement_stance, reading.said_at,
        NULL::uuid AS other, ARRAY[reading.id] AS statements, timeline.steps
    FROM snapshot, reading,
        LATERAL (  -- the date by which the last step that surely began before it was said had begun
            SELECT coalesce((
                SELECT changes.earliest FROM projections.changes
                WHERE changes.generation = snapshot.changes
                    AND changes.open_seq < snapshot.known_size
                    AND changes.close_seq >= snapshot.known_size
                    AND changes.line = hashtextextended(reading.actor || ' ' || reading.topic, 0)
                    AND changes.actor || ' ' || changes.topic
                        = reading.actor || ' ' || reading.topic
                    AND changes.valid_from <= reading.said_from
                    AND changes.latest <= reading.said_from
                    AND changes.earliest > '0001-01-01 00:00:00+00'
                ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC LIMIT 1
            ), '-infinity') AS by OFFSET 0  -- or it is looked up once for each use
        ) begun,
        LATERAL (
            SELECT json_agg(json_build_object(
                'id', step.id, 'stance', step.stance, 'effective', step.effective,
                'order', step.ord, 'seq', step.made_seq
            )) AS steps
            FROM (
                SELECT * FROM projections.changes
                WHERE changes.generation = snapshot.changes
                    AND changes.open_seq < snapshot.known_size
                    AND changes.close_seq >= snapshot.known_size
                    AND changes.line = hashtextextended(reading.actor || ' ' || reading.topic, 0)
                    AND changes.actor || ' ' || changes.topic
                        = reading.actor || ' ' || reading.topic
                    AND changes.valid_from
                        BETWEEN begun.by - interval '366 days' AND reading.said_until
                    AND changes.latest >= begun.by
                UNION ALL
                SELECT * FROM projections.changes
                WHERE changes.generation = snapshot.changes
                    AND changes.open_seq < snapshot.known_size
                    AND changes.close_seq >= snapshot.known_size
                    AND changes.actor = reading.actor AND changes.topic = reading.topic
                    AND changes.valid_from > reading.said_until
                    AND changes.earliest = '0001-01-01 00:00:00+00'
            ) step
            HAVING bool_or(reading.side <> CASE
                WHEN step.stance IN ('oppose', 'conditional_oppose') THEN -1
                WHEN step.stance = 'neutral' THEN 0
                WHEN step.stance IN ('conditional_support', 'support') THEN 1
            END)
        ) timeline
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    CAST(scanned.last AS text) AS last,
    finding.*,
    projections.recorder(finding.made_seq) AS recorded_by,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq <= finding.made_seq
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS recorded_at,
    (
        SELECT actors.names FROM projections.actors
        WHERE actors.generation = snapshot.actors AND actors.id = finding.actor
            AND actors.open_seq < snapshot.known_size
            AND actors.close_seq >= snapshot.known_size
    ) AS actor_names,
    (
        SELECT topics.label FROM projections.topics
        WHERE topics.generation = snapshot.topics AND topics.id = finding.topic
            AND topics.open_seq < snapshot.known_size
            AND topics.close_seq >= snapshot.known_size
    ) AS topic_label,
    (
        SELECT json_agg(to_json(dismissal) ORDER BY dismissal.open_seq DESC)
        FROM (
            SELECT * FROM projections.dismissals
            WHERE dismissals.about @> ARRAY[finding.statement] OFFSET 0
        ) dismissal
        WHERE dismissal.generation = snapshot.dismissals AND dismissal.kind = 'contradiction'
            AND dismissal.open_seq < snapshot.known_size
            AND dismissal.close_seq >= snapshot.known_size
    ) AS dismissals
FROM snapshot
    CROSS JOIN scanned
    LEFT JOIN finding ON true
ORDER BY finding.made_seq DESC, finding.actor, finding.topic
