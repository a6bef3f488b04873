-- Corrections and retractions of positions, last recorded first, from one seq to before another.
--
-- Parameters: known_size, limit; first_seq, end_seq: the range. Filters: actors and topics (any of
-- these), recorded_from, recorded_to. A correction has the version before it and the one after
-- it; a retraction has none after it, and a correction that undoes a retraction none before it.
WITH RECURSIVE snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 4 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'positions'), 0) AS positions,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock
    FROM projections.checkpoints
    WHERE live AND name IN ('positions', 'actors', 'topics', 'clock')
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
members AS (
    SELECT id FROM (
        SELECT DISTINCT ON (slug) id FROM merge_path ORDER BY slug, depth DESC
    ) canonical
    UNION
    SELECT merges.id
    FROM snapshot, members JOIN projections.merges ON merges.into_actor = members.id
    WHERE merges.generation = snapshot.actors
        AND merges.open_seq < snapshot.known_size AND merges.close_seq >= snapshot.known_size
),
--? end actors
page AS (
    SELECT amended.id, amended.seq FROM (
        (
            SELECT steps.id, steps.open_seq AS seq
            FROM projections.steps
            WHERE steps.generation = (SELECT positions FROM snapshot)
                AND steps.event_type = 'position.corrected'
                AND steps.open_seq < (SELECT least(known_size, CAST(:end_seq AS bigint)) FROM snapshot)
                AND steps.open_seq >= CAST(:first_seq AS bigint)
                AND steps.actor = ANY (ARRAY(SELECT id FROM members))  --? actors
                AND steps.topic = ANY (ARRAY(SELECT unnest(CAST(:topics AS text[]))))  --? topics
                AND steps.recorded_at >= :recorded_from  --? recorded_from
                AND steps.recorded_at <= :recorded_to  --? recorded_to
            ORDER BY steps.open_seq DESC LIMIT CAST(:limit AS bigint)
        )
        UNION ALL
        (
            SELECT steps.id, steps.close_seq
            FROM projections.steps
            WHERE steps.generation = (SELECT positions FROM snapshot)
                AND steps.close_type = 'position.retracted'
                AND steps.close_seq < (SELECT least(known_size, CAST(:end_seq AS bigint)) FROM snapshot)
                AND steps.close_seq >= CAST(:first_seq AS bigint)
                AND steps.actor = ANY (ARRAY(SELECT id FROM members))  --? actors
                AND steps.topic = ANY (ARRAY(SELECT unnest(CAST(:topics AS text[]))))  --? topics
                --? if recorded_from
                AND steps.close_seq >= coalesce((
                    SELECT clock.size FROM projections.clock
                    WHERE clock.generation = (SELECT clock FROM snapshot)
                        AND clock.recorded_at < :recorded_from
                    ORDER BY clock.recorded_at DESC LIMIT 1
                ), 0)
                --? end recorded_from
                --? if recorded_to
                AND steps.close_seq < coalesce((
                    SELECT clock.size FROM projections.clock
                    WHERE clock.generation = (SELECT clock FROM snapshot)
                        AND clock.recorded_at <= :recorded_to
                    ORDER BY clock.recorded_at DESC LIMIT 1
                ), 0)
                --? end recorded_to
            ORDER BY steps.close_seq DESC LIMIT CAST(:limit AS bigint)
        )
    ) amended
    ORDER BY amended.seq DESC LIMIT CAST(:limit AS bigint)
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    page.id, page.seq,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq <= page.seq
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS recorded_at,
    coalesce(after.actor, before.actor) AS actor, coalesce(after.topic, before.topic) AS topic,
    coalesce(after.event_type, before.close_type) AS type,
    coalesce(after.by, before.close_by) AS by,
    coalesce(after.reason, before.close_reason) AS reason,
    before.stance AS before_stance, before.condition AS before_condition,
    before.effective AS before_effective,
    after.stance AS after_stance, after.condition AS after_condition,
    after.effective AS after_effective,
    (
        SELECT actors.names FROM projections.actors
        WHERE actors.generation = snapshot.actors
            AND actors.id = coalesce(after.actor, before.actor)
            AND actors.open_seq < snapshot.known_size
            AND actors.close_seq >= snapshot.known_size
    ) AS actor_names,
    (
        SELECT topics.label FROM projections.topics
        WHERE topics.generation = snapshot.topics
            AND topics.id = coalesce(after.topic, before.topic)
            AND topics.open_seq < snapshot.known_size
            AND topics.close_seq >= snapshot.known_size
    ) AS topic_label
FROM snapshot
    LEFT JOIN page ON true
    LEFT JOIN LATERAL (
        SELECT steps.* FROM projections.steps
        WHERE steps.generation = snapshot.positions AND steps.id = page.id
            AND steps.close_seq = page.seq
        ORDER BY steps.open_seq DESC LIMIT 1
    ) before ON true
    LEFT JOIN LATERAL (
        SELECT steps.* FROM projections.steps
        WHERE steps.generation = snapshot.positions AND steps.id = page.id
            AND steps.open_seq = page.seq
        ORDER BY steps.open_seq DESC LIMIT 1
    ) after ON true
ORDER BY page.seq DESC
