-- Topics in the order of their ids, after an id.
--
-- Parameters: after, known_size, limit. Filter: q (part of any spelling on record).
-- With in_order, a page is read in the order of ids, for lists without q.
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
page AS (
    SELECT topics.id, topics.label, topics.proposition, topics.broader,
        topics.event, topics.recorded_at, topics.recorded_by
    FROM snapshot CROSS JOIN projections.topics
    WHERE topics.generation = snapshot.topics
        AND topics.generation = (SELECT topics FROM snapshot)  --? in_order
        AND topics.open_seq < snapshot.known_size
        AND topics.close_seq >= snapshot.known_size
        AND topics.id > :after
        AND topics.folded LIKE (SELECT projections.containing(:q))  --? q
    ORDER BY topics.id LIMIT CAST(:limit AS bigint)
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    page.*
FROM snapshot
    LEFT JOIN page ON true
ORDER BY page.id
