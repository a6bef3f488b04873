-- Names of actors and labels of topics at a size, and whom each actor counts for.
--
-- Parameters: actors, topics: arrays of ids; known_size. Result: rows of kind, id, names (actors),
-- label (topics), counts_as (actors).
WITH RECURSIVE live AS MATERIALIZED (
    SELECT
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics
    FROM projections.checkpoints WHERE live
),
merge_path AS (
    SELECT wanted.id AS actor, wanted.id, 0 AS depth
    FROM unnest((SELECT CAST(:actors AS text[]))) wanted (id)
    UNION ALL
    SELECT merge_path.actor, target.into_actor, merge_path.depth + 1
    FROM live, merge_path, LATERAL (
        SELECT merges.into_actor FROM projections.merges
        WHERE merges.generation = live.actors AND merges.id = merge_path.id
            AND merges.open_seq < CAST(:known_size AS bigint)
            AND merges.close_seq >= CAST(:known_size AS bigint)
        ORDER BY merges.open_seq DESC LIMIT 1
    ) target
)
SELECT 'actor' AS kind, path.actor AS id, named.names, NULL AS label, path.id AS counts_as
FROM live, (SELECT DISTINCT ON (actor) actor, id FROM merge_path ORDER BY actor, depth DESC) path,
    LATERAL (
        SELECT actors.names FROM projections.actors
        WHERE actors.generation = live.actors AND actors.id = path.actor
            AND actors.open_seq < CAST(:known_size AS bigint)
            AND actors.close_seq >= CAST(:known_size AS bigint)
        ORDER BY actors.open_seq DESC LIMIT 1
    ) named
UNION ALL
SELECT 'topic', wanted.id, NULL, labelled.label, NULL
FROM live, unnest((SELECT CAST(:topics AS text[]))) wanted (id),
    LATERAL (
        SELECT topics.label FROM projections.topics
        WHERE topics.generation = live.topics AND topics.id = wanted.id
            AND topics.open_seq < CAST(:known_size AS bigint)
            AND topics.close_seq >= CAST(:known_size AS bigint)
        ORDER BY topics.open_seq DESC LIMIT 1
    ) labelled
