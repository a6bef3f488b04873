-- Every version of every position of an actor on a topic, in the order in which they were recorded,
-- after a seq. Positions recorded of actors that were merged into this one are among them.
--
-- Parameters: actor, topic, known_size, limit; open_seq: the seq.
WITH RECURSIVE snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 5 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'positions'), 0) AS positions,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements
    FROM projections.checkpoints
    WHERE live AND name IN ('positions', 'actors', 'topics', 'clock', 'statements')
),
merge_path AS (
    SELECT CAST(:actor AS text) AS id, 0 AS depth
    UNION ALL
    SELECT target.into_actor, merge_path.depth + 1
    FROM snapshot, merge_path, LATERAL (
        SELECT merges.into_actor FROM projections.merges
        WHERE merges.generation = snapshot.actors AND merges.id = merge_path.id
            AND merges.open_seq < snapshot.known_size AND merges.close_seq >= snapshot.known_size
        ORDER BY merges.open_seq DESC LIMIT 1
    ) target
),
canonical AS MATERIALIZED (
    SELECT actor.id
    FROM snapshot,
        (SELECT id FROM merge_path ORDER BY depth DESC LIMIT 1) target,
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
    UNION ALL
    SELECT merges.id
    FROM snapshot, members JOIN projections.merges ON merges.into_actor = members.id
    WHERE merges.generation = snapshot.actors
        AND merges.open_seq < snapshot.known_size AND merges.close_seq >= snapshot.known_size
),
page AS (
    SELECT version.* FROM snapshot, members, LATERAL (
        SELECT steps.* FROM projections.steps
        WHERE steps.generation = snapshot.positions
            AND steps.actor = members.id AND steps.topic = :topic
            AND steps.open_seq < snapshot.known_size
            AND steps.open_seq > CAST(:open_seq AS bigint)
        ORDER BY steps.open_seq LIMIT CAST(:limit AS bigint)
    ) version
    ORDER BY version.open_seq LIMIT CAST(:limit AS bigint)
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    EXISTS (SELECT FROM canonical) AS has_actor,
    EXISTS (
        SELECT FROM projections.topics
        WHERE topics.generation = snapshot.topics AND topics.id = :topic
            AND topics.open_seq < snapshot.known_size AND topics.close_seq >= snapshot.known_size
    ) AS has_topic,
    page.id, page.actor, page.topic, page.stance, page.condition, page.summary, page.effective,
    page.ord, page.basis, page.coder, page.open_seq, page.event, page.event_type, page.by,
    page.reason,
    page.recorded_at, page.recorded_by, page.close_seq, page.close_event, page.close_type,
    page.close_by, page.close_reason, projections.recorder(page.close_seq) AS closed_by,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq <= page.close_seq
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS closed_at,
    (
        SELECT actors.names FROM projections.actors
        WHERE actors.generation = snapshot.actors AND actors.id = page.actor
            AND actors.open_seq < snapshot.known_size
            AND actors.close_seq >= snapshot.known_size
    ) AS actor_names,
    (
        SELECT topics.label FROM projections.topics
        WHERE topics.generation = snapshot.topics AND topics.id = page.topic
            AND topics.open_seq < snapshot.known_size
            AND topics.close_seq >= snapshot.known_size
    ) AS topic_label,
    ARRAY(
        SELECT json_build_object(
            'id', retracted.id, 'event', retracted.close_event, 'seq', retracted.close_seq,
            'by', retracted.close_by, 'reason', retracted.close_reason,
            'recorded_by', projections.recorder(retracted.close_seq), 'recorded_at', (
                SELECT clock.recorded_at FROM projections.clock
                WHERE clock.generation = snapshot.clock AND clock.open_seq <= retracted.close_seq
                ORDER BY clock.open_seq DESC LIMIT 1
            )
        )
        FROM projections.statements retracted
        WHERE retracted.generation = snapshot.statements
            AND retracted.id = ANY (page.basis)
            AND retracted.close_seq < snapshot.known_size
            AND retracted.close_type = 'statement.retracted'
            AND NOT EXISTS (  -- a correction undoes a retraction
                SELECT FROM projections.statements later
                WHERE later.generation = snapshot.statements AND later.id = retracted.id
                    AND later.open_seq > retracted.close_seq
                    AND later.open_seq < snapshot.known_size
            )
        ORDER BY retracted.close_seq
    ) AS retracted_basis
FROM snapshot
    LEFT JOIN page ON true
ORDER BY page.open_seq
