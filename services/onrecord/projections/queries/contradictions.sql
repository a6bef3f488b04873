-- First-hand statements that were read as another side of the scale (for it, against it, neutral)
-- than the position held when they were said, on whatever day of a month or year that was.
--
-- Parameters: known_size, max_candidates; after: only statements made before this seq.
WITH RECURSIVE snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 4 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
        coalesce(max(generation) FILTER (WHERE name = 'changes'), 0) AS changes,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock
    FROM projections.checkpoints
    WHERE live AND name IN ('statements', 'changes', 'actors', 'clock')
),
page AS (
    SELECT statements.* FROM snapshot, projections.statements
    WHERE statements.generation = snapshot.statements
        AND statements.open_seq < snapshot.known_size
        AND statements.close_seq >= snapshot.known_size
        AND statements.doc ? 'stances' AND NOT statements.doc ? 'embedded_in'
        AND statements.made_seq < CAST(:after AS bigint)
    ORDER BY statements.made_seq DESC LIMIT CAST(:max_candidates AS bigint)
),
-- One row for each canonical speaker and coded stance of a statement.
reading AS (
    SELECT DISTINCT page.id, page.made_seq, page.said_from, page.said_until,
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
    FROM snapshot, page, jsonb_array_elements(doc -> 'speakers') speaker,
        jsonb_array_elements(doc -> 'stances') coded
),
finding AS (
    SELECT reading.made_seq, CAST(reading.made_seq AS text) AS place, reading.id AS statement,
        step.id AS position, reading.actor, reading.topic, reading.stance AS statement_stance,
        step.stance AS position_stance, NULL::uuid AS other
    FROM snapshot, reading, LATERAL (
        SELECT changes.id, changes.stance,
            CASE
                WHEN changes.stance IN ('oppose', 'conditional_oppose') THEN -1
                WHEN changes.stance = 'neutral' THEN 0
                WHEN changes.stance IN ('conditional_support', 'support') THEN 1
            END AS side
        FROM projections.changes
        WHERE changes.generation = snapshot.changes
            AND changes.open_seq < snapshot.known_size
            AND changes.close_seq >= snapshot.known_size
            AND changes.line = hashtextextended(reading.actor || ' ' || reading.topic, 0)
            AND changes.actor || ' ' || changes.topic = reading.actor || ' ' || reading.topic
            AND changes.valid_from <= reading.said_until
        ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC LIMIT 1
    ) step
    WHERE reading.side <> step.side
        -- no position of the same side was held at any time at which it may have been said
        -- (a scalar subquery: NOT EXISTS may become a join that reads all timelines)
        AND (
            SELECT true FROM projections.changes
            WHERE changes.generation = snapshot.changes
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
                AND changes.line = hashtextextended(reading.actor || ' ' || reading.topic, 0)
                AND changes.actor || ' ' || changes.topic = reading.actor || ' ' || reading.topic
                AND changes.valid_from <= reading.said_until
                AND changes.valid_from >= coalesce((
                    SELECT first_step.valid_from FROM projections.changes first_step
                    WHERE first_step.generation = snapshot.changes
                        AND first_step.open_seq < snapshot.known_size
                        AND first_step.close_seq >= snapshot.known_size
                        AND first_step.line
                            = hashtextextended(reading.actor || ' ' || reading.topic, 0)
                        AND first_step.actor || ' ' || first_step.topic
                            = reading.actor || ' ' || reading.topic
                        AND first_step.valid_from <= reading.said_from
                    ORDER BY first_step.valid_from DESC LIMIT 1
                ), '-infinity')
                AND reading.side = CASE
                    WHEN changes.stance IN ('oppose', 'conditional_oppose') THEN -1
                    WHEN changes.stance = 'neutral' THEN 0
                    WHEN changes.stance IN ('conditional_support', 'support') THEN 1
                END
            LIMIT 1
        ) IS NULL
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    (SELECT count(*) FROM page) AS candidate_count,
    CAST((SELECT min(made_seq) FROM page) AS text) AS last,
    finding.*
FROM snapshot
    LEFT JOIN finding ON true
ORDER BY finding.made_seq DESC, finding.actor, finding.topic
