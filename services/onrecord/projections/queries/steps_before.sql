-- The steps that may have come just before some steps in their timelines, and perhaps more.
--
-- Parameters: ids (of the steps), known_size, max_candidates. Each step is among its own
-- candidates, which are not all where there are as many as max_candidates.
WITH snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 2 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'changes'), 0) AS changes,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock
    FROM projections.checkpoints
    WHERE live AND name IN ('changes', 'clock')
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    step.id,
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
                AND changes.line = hashtextextended(step.actor || ' ' || step.topic, 0)
                AND changes.actor || ' ' || changes.topic = step.actor || ' ' || step.topic
                AND changes.valid_from >= begun.by - interval '1 day'
                AND changes.valid_from <= step.latest
                AND changes.latest - changes.earliest <= interval '1 day'
                AND changes.latest >= begun.by
            UNION ALL
            SELECT * FROM projections.changes
            WHERE changes.generation = snapshot.changes
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
                AND changes.line = hashtextextended(step.actor || ' ' || step.topic, 0)
                AND changes.actor || ' ' || changes.topic = step.actor || ' ' || step.topic
                AND changes.valid_from >= begun.by - interval '366 days'
                AND changes.valid_from <= step.latest
                AND changes.latest - changes.earliest > interval '1 day'
                AND changes.latest >= begun.by
            UNION ALL
            SELECT * FROM projections.changes
            WHERE changes.generation = snapshot.changes
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
                AND changes.actor = step.actor AND changes.topic = step.topic
                AND changes.valid_from > step.latest
                AND changes.earliest = '0001-01-01 00:00:00+00'
            LIMIT CAST(:max_candidates AS bigint)
        ) candidate
    ) AS candidates
FROM snapshot
    LEFT JOIN LATERAL (
        SELECT version.*
        FROM unnest((SELECT CAST(:ids AS uuid[]))) wanted (id), LATERAL (
            SELECT changes.* FROM projections.changes
            WHERE changes.generation = snapshot.changes AND changes.id = wanted.id
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
            ORDER BY changes.open_seq DESC LIMIT 1
        ) version
    ) step ON true
    LEFT JOIN LATERAL (
        SELECT coalesce((
            SELECT changes.earliest FROM projections.changes
            WHERE changes.generation = snapshot.changes
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
                AND changes.line = hashtextextended(step.actor || ' ' || step.topic, 0)
                AND changes.actor || ' ' || changes.topic = step.actor || ' ' || step.topic
                AND changes.valid_from < step.earliest AND changes.latest < step.earliest
                AND changes.earliest > '0001-01-01 00:00:00+00'
            ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC LIMIT 1
        ), '-infinity') AS by
    ) begun ON true
