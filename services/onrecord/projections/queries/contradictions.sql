-- First-hand statements that were read as another side of the scale (for it, against it, neutral)
-- than every position that may have been held when they may have been said, on whatever days of a
-- month or year that was. One had surely begun by then.
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
            WITH RECURSIVE merge_path (id) AS (
                SELECT speaker ->> 'actor'
                UNION ALL
                SELECT merges.into_actor FROM merge_path JOIN projections.merges USING (id)
                WHERE merges.generation = snapshot.actors
                    AND merges.open_seq < snapshot.known_size
                    AND merges.close_seq >= snapshot.known_size
            )
            SELECT id FROM merge_path WHERE NOT EXISTS (
                SELECT FROM projections.merges
                WHERE merges.generation = snapshot.actors
                    AND merges.open_seq < snapshot.known_size
                    AND merges.close_seq >= snapshot.known_size
                    AND merges.id = merge_path.id
            )
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
    CROSS JOIN LATERAL (  -- whether one had surely begun, and by which date the last of these had
        SELECT bool_or(true) AS surely, max(last_begun.earliest) AS by
        FROM (
            SELECT changes.earliest FROM projections.changes
            WHERE changes.generation = snapshot.changes
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
                AND changes.line = hashtextextended(reading.actor || ' ' || reading.topic, 0)
                AND changes.actor || ' ' || changes.topic = reading.actor || ' ' || reading.topic
                AND changes.valid_from <= reading.said_from
                AND changes.latest <= reading.said_from
            ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC LIMIT 1
        ) last_begun
    ) begun
    WHERE reading.side <> step.side AND begun.surely
        -- no position that may have been held when it may have been said is of the same side
        AND NOT EXISTS (
            SELECT FROM projections.changes
            WHERE changes.generation = snapshot.changes
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
                AND changes.line = hashtextextended(reading.actor || ' ' || reading.topic, 0)
                AND changes.actor || ' ' || changes.topic = reading.actor || ' ' || reading.topic
                AND changes.valid_from >= begun.by - interval '366 days'
                AND (
                    changes.valid_from <= reading.said_until
                    OR changes.earliest = '0001-01-01 00:00:00+00'
                )
                AND changes.latest >= begun.by
                AND reading.side = CASE
                    WHEN changes.stance IN ('oppose', 'conditional_oppose') THEN -1
                    WHEN changes.stance = 'neutral' THEN 0
                    WHEN changes.stance IN ('conditional_support', 'support') THEN 1
                END
        )
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
