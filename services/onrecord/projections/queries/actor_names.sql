-- The actors that a spelling names, or, where it names none, those of the nearest spellings.
--
-- Parameters: name, known_size. `exact`: the spelling is the id itself; `named`: it is the whole
-- id, a name or an identifier, as searches fold them; `root`: the actor that reads mean, after
-- merges.
WITH RECURSIVE snapshot AS MATERIALIZED (
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
typed AS MATERIALIZED (
    SELECT projections.folded(:name) AS folded, projections.containing(:name) AS pattern
),
named AS MATERIALIZED (
    SELECT actors.id FROM snapshot, projections.actors
    WHERE actors.generation = snapshot.actors
        AND actors.open_seq < snapshot.known_size
        AND actors.close_seq >= snapshot.known_size
        AND actors.folded LIKE (SELECT pattern FROM typed)
        AND (SELECT folded FROM typed) IN (
            SELECT btrim(spelling) FROM string_to_table(actors.folded, chr(31)) spelling
        )
    ORDER BY actors.id <> :name, actors.id LIMIT 20
),
near AS MATERIALIZED (
    SELECT actors.id,
        public.word_similarity((SELECT folded FROM typed), actors.folded) AS similarity
    FROM snapshot, projections.actors
    WHERE NOT EXISTS (SELECT FROM named)
        AND actors.generation = snapshot.actors
        AND actors.open_seq < snapshot.known_size
        AND actors.close_seq >= snapshot.known_size
        AND actors.folded OPERATOR(public.%>) (SELECT folded FROM typed)
    ORDER BY similarity DESC, actors.id LIMIT 3
),
candidate AS (
    SELECT id, true AS named, 1 AS similarity FROM named
    UNION ALL
    SELECT id, false, similarity FROM near
    UNION ALL
    SELECT slug, false, 0 FROM projections.nearest_slugs(
        'actor', (SELECT replace(folded, ' ', '-') FROM typed)
    ) nearest (slug)
    WHERE NOT EXISTS (SELECT FROM named) AND NOT EXISTS (SELECT FROM near)
),
merge_path AS (
    SELECT candidate.id AS slug, candidate.id, 0 AS depth FROM candidate
    UNION ALL
    SELECT merge_path.slug, target.into_actor, merge_path.depth + 1
    FROM snapshot, merge_path, LATERAL (
        SELECT merges.into_actor FROM projections.merges
        WHERE merges.generation = snapshot.actors AND merges.id = merge_path.id
            AND merges.open_seq < snapshot.known_size
            AND merges.close_seq >= snapshot.known_size
        ORDER BY merges.open_seq DESC LIMIT 1
    ) target
),
merged AS (
    SELECT DISTINCT ON (slug) slug, id FROM merge_path ORDER BY slug, depth DESC
),
item AS (
    SELECT actors.id, actors.names, merged.id AS root, candidate.named,
        actors.id = :name AS exact, candidate.similarity
    FROM snapshot, candidate JOIN merged ON merged.slug = candidate.id, projections.actors
    WHERE actors.generation = snapshot.actors AND actors.id = candidate.id
        AND actors.open_seq < snapshot.known_size
        AND actors.close_seq >= snapshot.known_size
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
