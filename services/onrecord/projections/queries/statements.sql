-- Statements that pass optional filters, last said first, before a place in that order.
--
-- Parameters: known_size, limit; before, made_seq: the place. Filters: actors and topics (any of
-- these; statements of actors that were merged into one are among them), outlet, q, said_from,
-- said_to; and q_nearby instead of q, which searches only among the next 2,000 statements in order
-- (README.md). unknown_actors and unknown_topics in the result are names that are not on record.
-- With q, only current versions: a partial index serves those. With in_order, a page is read in the
-- order of the list, for filters that no index serves.
WITH RECURSIVE snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 4 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics
    FROM projections.checkpoints
    WHERE live AND name IN ('statements', 'clock', 'actors', 'topics')
),
--? if actors
merge_path AS (
    SELECT wanted.slug, wanted.slug AS id, 0 AS depth
    FROM unnest((SELECT CAST(:actors AS text[]))) wanted (slug)
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
canonical AS MATERIALIZED (
    SELECT target.slug, actor.id
    FROM snapshot,
        (SELECT DISTINCT ON (slug) slug, id FROM merge_path ORDER BY slug, depth DESC) target,
        LATERAL (
            SELECT actors.id FROM projections.actors
            WHERE actors.generation = snapshot.actors AND actors.id = target.id
                AND actors.open_seq < snapshot.known_size
                AND actors.close_seq >= snapshot.known_size
            ORDER BY actors.open_seq DESC LIMIT 1
        ) actor
),
members AS (
    SELECT id FROM canonical
    UNION
    SELECT merges.id
    FROM snapshot, members JOIN projections.merges ON merges.into_actor = members.id
    WHERE merges.generation = snapshot.actors
        AND merges.open_seq < snapshot.known_size
        AND merges.close_seq >= snapshot.known_size
),
--? end actors
--? if q_nearby
nearby AS MATERIALIZED (
    SELECT
        coalesce(max(said_from), '-infinity') AS said_from,
        coalesce(max(made_seq), 0) AS made_seq
    FROM (
        SELECT statements.said_from, statements.made_seq FROM projections.statements
        WHERE statements.generation = (SELECT statements FROM snapshot)
            AND (statements.said_from, statements.made_seq) < (:before, CAST(:made_seq AS bigint))
        ORDER BY statements.said_from DESC, statements.made_seq DESC OFFSET 2000 LIMIT 1
    ) last
),
--? end q_nearby
page AS (
    SELECT statements.* FROM projections.statements, snapshot
    WHERE statements.generation = snapshot.statements
        AND statements.generation = (SELECT statements FROM snapshot)  --? in_order
        AND statements.open_seq < snapshot.known_size
        AND statements.close_seq >= snapshot.known_size
        AND statements.actors && ARRAY(SELECT id FROM members)  --? actors
        AND statements.topics && CAST(:topics AS text[])  --? topics
        AND :outlet = ANY (statements.outlets)  --? outlet
        --? if q
        AND statements.search @@ (SELECT projections.search_query(:q))
        AND statements.close_seq = 9223372036854775807
        --? end q
        --? if q_nearby
        AND (statements.search @@ (SELECT projections.search_query(:q))) IS TRUE
        AND statements.close_seq = 9223372036854775807
        AND (statements.said_from, statements.made_seq) >= (SELECT said_from, made_seq FROM nearby)
        --? end q_nearby
        AND statements.said_until >= :said_from  --? said_from
        AND statements.said_from <= :said_to  --? said_to
        AND (statements.said_from, statements.made_seq) < (:before, CAST(:made_seq AS bigint))
    ORDER BY statements.said_from DESC, statements.made_seq DESC LIMIT CAST(:limit AS bigint)
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    --? if actors
    ARRAY(
        SELECT slug FROM merge_path EXCEPT SELECT slug FROM canonical
    ) AS unknown_actors,
    --? end actors
    --? if topics
    ARRAY(
        SELECT wanted.slug
        FROM snapshot, unnest((SELECT CAST(:topics AS text[]))) wanted (slug)
        WHERE NOT EXISTS (
            SELECT FROM projections.topics
            WHERE topics.generation = snapshot.topics AND topics.id = wanted.slug
                AND topics.open_seq < snapshot.known_size
                AND topics.close_seq >= snapshot.known_size
        )
    ) AS unknown_topics,
    --? end topics
    ARRAY(
        SELECT (
            SELECT actors.names FROM projections.actors
            WHERE actors.generation = snapshot.actors AND actors.id = speakers.speaker ->> 'actor'
                AND actors.open_seq < snapshot.known_size
                AND actors.close_seq >= snapshot.known_size
        )
        FROM jsonb_array_elements(page.doc -> 'speakers') WITH ORDINALITY speakers (speaker, n)
        ORDER BY speakers.n
    ) AS speaker_names,
    ARRAY(
        SELECT (
            SELECT topics.label FROM projections.topics
            WHERE topics.generation = snapshot.topics AND topics.id = topic_ids.id
                AND topics.open_seq < snapshot.known_size
                AND topics.close_seq >= snapshot.known_size
        )
        FROM unnest(page.topics) WITH ORDINALITY topic_ids (id, n)
        ORDER BY topic_ids.n
    ) AS topic_labels,
    page.id, page.doc, page.erased, page.said_from, page.made_seq, page.open_seq,
    page.event, page.recorded_at, page.recorded_by, page.close_seq, page.close_event,
    page.close_type, page.close_by, page.close_reason
FROM snapshot
    LEFT JOIN page ON true
ORDER BY page.said_from DESC, page.made_seq DESC
