-- The actors that have these Wikidata ids, as an identifier or as their own id.
--
-- Parameters: qids, known_size. Result: a row for each id and actor; an actor that is merged counts
-- as the one that it means.
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
identified AS (
    SELECT wanted.qid, actor.id
    FROM snapshot, unnest((SELECT CAST(:qids AS text[]))) wanted (qid), LATERAL (
        SELECT actors.id, actors.open_seq, actors.close_seq FROM projections.actors
        WHERE actors.generation = snapshot.actors AND actors.identifiers ? 'wikidata'
            AND actors.identifiers ->> 'wikidata' = wanted.qid
        UNION ALL
        SELECT actors.id, actors.open_seq, actors.close_seq FROM projections.actors
        WHERE actors.generation = snapshot.actors AND actors.id = wanted.qid
        OFFSET 0
    ) actor
    WHERE actor.open_seq < snapshot.known_size AND actor.close_seq >= snapshot.known_size
),
merge_path AS (
    SELECT identified.qid, identified.id AS identified_as, identified.id, 0 AS depth
    FROM identified
    UNION ALL
    SELECT merge_path.qid, merge_path.identified_as, target.into_actor, merge_path.depth + 1
    FROM snapshot, merge_path, LATERAL (
        SELECT merges.into_actor FROM projections.merges
        WHERE merges.generation = snapshot.actors AND merges.id = merge_path.id
            AND merges.open_seq < snapshot.known_size
            AND merges.close_seq >= snapshot.known_size
        ORDER BY merges.open_seq DESC LIMIT 1
    ) target
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    actor.qid, actor.id
FROM snapshot
    LEFT JOIN (
        SELECT DISTINCT target.qid, target.id
        FROM (
            SELECT DISTINCT ON (qid, identified_as) qid, id
            FROM merge_path ORDER BY qid, identified_as, depth DESC
        ) target
    ) actor ON true
ORDER BY actor.qid, actor.id
