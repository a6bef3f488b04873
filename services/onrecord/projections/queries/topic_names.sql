-- The topics that a spelling names, or, where it names none, those of the nearest spellings.
--
-- Parameters: name, known_size. `exact`: the spelling is the id itself; `named`: it is the whole
-- id, label or proposition, as searches fold them.
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
typed AS MATERIALIZED (
    SELECT projections.folded(:name) AS folded, projections.containing(:name) AS pattern
),
named AS MATERIALIZED (
    SELECT topics.id FROM snapshot, projections.topics
    WHERE topics.generation = snapshot.topics
        AND topics.open_seq < snapshot.known_size
        AND topics.close_seq >= snapshot.known_size
        AND topics.folded LIKE (SELECT pattern FROM typed)
        AND (SELECT folded FROM typed) IN (
            SELECT btrim(spelling) FROM string_to_table(topics.folded, chr(31)) spelling
        )
    ORDER BY topics.id <> :name, topics.id LIMIT 20
),
near AS MATERIALIZED (
    SELECT topics.id,
        public.word_similarity((SELECT folded FROM typed), topics.folded) AS similarity
    FROM snapshot, projections.topics
    WHERE NOT EXISTS (SELECT FROM named)
        AND topics.generation = snapshot.topics
        AND topics.open_seq < snapshot.known_size
        AND topics.close_seq >= snapshot.known_size
        AND topics.folded OPERATOR(public.%>) (SELECT folded FROM typed)
    ORDER BY similarity DESC, topics.id LIMIT 3
),
candidate AS (
    SELECT id, true AS named, 1 AS similarity FROM named
    UNION ALL
    SELECT id, false, similarity FROM near
    UNION ALL
    SELECT slug, false, 0 FROM projections.nearest_slugs(
        'topic', (SELECT replace(folded, ' ', '-') FROM typed)
    ) nearest (slug)
    WHERE NOT EXISTS (SELECT FROM named) AND NOT EXISTS (SELECT FROM near)
),
item AS (
    SELECT topics.id, topics.label, candidate.named, topics.id = :name AS exact,
        candidate.similarity
    FROM snapshot, candidate, projections.topics
    WHERE topics.generation = snapshot.topics AND topics.id = candidate.id
        AND topics.open_seq < snapshot.known_size
        AND topics.close_seq >= snapshot.known_size
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    item.*
FROM snapshot
    LEFT JOIN item ON true
ORDER BY item.exact DESC, item.similarity DESC, item.id
