-- Statements that pass optional filters, last said first, before a place in that order.
--
-- Parameters: known_size, limit; before, made_seq: the place. Filters: actor (statements of actors
-- that were merged into it are among them), topic, outlet, q, said_from, said_to.
-- With q, only current versions: a partial index serves those.
WITH RECURSIVE snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 3 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors
    FROM projections.checkpoints
    WHERE live AND name IN ('statements', 'clock', 'actors')
),
merge_path AS (  --? actor
    SELECT CAST(:actor AS text) AS id, 0 AS depth  --? actor
    UNION ALL  --? actor
    SELECT target.into_actor, merge_path.depth + 1  --? actor
    FROM snapshot, merge_path, LATERAL (  --? actor
        SELECT merges.into_actor FROM projections.merges  --? actor
        WHERE merges.generation = snapshot.actors AND merges.id = merge_path.id  --? actor
            AND merges.open_seq < snapshot.known_size  --? actor
            AND merges.close_seq >= snapshot.known_size  --? actor
        ORDER BY merges.open_seq DESC LIMIT 1  --? actor
    ) target  --? actor
),  --? actor
canonical AS MATERIALIZED (  --? actor
    SELECT actor.id  --? actor
    FROM snapshot,  --? actor
        (SELECT id FROM merge_path ORDER BY depth DESC LIMIT 1) target,  --? actor
        LATERAL (  --? actor
            SELECT actors.id FROM projections.actors  --? actor
            WHERE actors.generation = snapshot.actors AND actors.id = target.id  --? actor
                AND actors.open_seq < snapshot.known_size  --? actor
                AND actors.close_seq >= snapshot.known_size  --? actor
            ORDER BY actors.open_seq DESC LIMIT 1  --? actor
        ) actor  --? actor
),  --? actor
members AS (  --? actor
    SELECT id FROM canonical  --? actor
    UNION ALL  --? actor
    SELECT merges.id  --? actor
    FROM snapshot, members JOIN projections.merges ON merges.into_actor = members.id  --? actor
    WHERE merges.generation = snapshot.actors  --? actor
        AND merges.open_seq < snapshot.known_size  --? actor
        AND merges.close_seq >= snapshot.known_size  --? actor
),  --? actor
page AS (
    SELECT statements.* FROM projections.statements, snapshot
    WHERE statements.generation = snapshot.statements
        AND statements.open_seq < snapshot.known_size
        AND statements.close_seq >= snapshot.known_size
        AND statements.actors && ARRAY(SELECT id FROM members)  --? actor
        AND statements.topics @> ARRAY[CAST(:topic AS text)]  --? topic
        AND :outlet = ANY (statements.outlets)  --? outlet
        AND statements.search @@ websearch_to_tsquery('simple'::regconfig, :q)  --? q
        AND statements.close_seq = 9223372036854775807  --? q
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
    page.id, page.doc, page.erased, page.said_from, page.made_seq, page.open_seq,
    page.event, page.recorded_at, page.recorded_by, page.close_seq, page.close_event,
    page.close_type, page.close_by, page.close_reason
FROM snapshot
    LEFT JOIN page ON true
ORDER BY page.said_from DESC, page.made_seq DESC
