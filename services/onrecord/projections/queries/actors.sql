-- Actors in the order of their ids, after an id.
--
-- Parameters: after, known_size, limit. Filter: q (part of any spelling on record).
-- With in_order, a page is read in the order of ids, for lists without q.
WITH snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 2 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock
    FROM projections.checkpoints
    WHERE live AND name IN ('actors', 'clock')
),
page AS (
    SELECT actors.id, actors.kind, actors.names, actors.identifiers,
        actors.event, actors.recorded_at, actors.recorded_by, merges.into_actor AS merged_into
    FROM snapshot CROSS JOIN projections.actors
        LEFT JOIN projections.merges ON merges.id = actors.id
            AND merges.generation = snapshot.actors
            AND merges.open_seq < snapshot.known_size
            AND merges.close_seq >= snapshot.known_size
    WHERE actors.generation = snapshot.actors
        AND actors.generation = (SELECT actors FROM snapshot)  --? in_order
        AND actors.open_seq < snapshot.known_size
        AND actors.close_seq >= snapshot.known_size
        AND actors.id > :after
        AND actors.folded LIKE (SELECT projections.containing(:q))  --? q
    ORDER BY actors.id LIMIT CAST(:limit AS bigint)
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
