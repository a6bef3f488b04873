-- The steps of an actor's timeline on a topic, in valid-time order, after a place in it.
--
-- Parameters: actor, topic, known_size, limit; valid_from, ord, made_seq: the place.
WITH RECURSIVE snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 5 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'positions'), 0) AS positions,
        coalesce(max(generation) FILTER (WHERE name = 'changes'), 0) AS changes,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics
    FROM projections.checkpoints
    WHERE live AND name IN ('positions', 'changes', 'actors', 'clock', 'topics')
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
    SELECT actor.id, actor.id || ' ' || CAST(:topic AS text) AS timeline
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
page AS (
    SELECT step.* FROM snapshot, canonical, LATERAL (
        SELECT changes.* FROM projections.changes
        WHERE changes.generation = snapshot.changes
            AND changes.open_seq < snapshot.known_size
            AND changes.close_seq >= snapshot.known_size
            AND changes.line = hashtextextended(canonical.timeline, 0)
            AND changes.actor || ' ' || changes.topic = canonical.timeline
            AND (changes.valid_from, changes.ord, changes.made_seq)
                > (:valid_from, CAST(:ord AS bigint), CAST(:made_seq AS bigint))
        ORDER BY changes.valid_from, changes.ord, changes.made_seq LIMIT CAST(:limit AS bigint)
    ) step
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
    page.id, page.actor, page.recorded_as, page.topic, page.valid_from, page.ord,
    page.made_seq, page.effective, page.stance, page.condition, page.before_id,
    page.before_stance, page.kind, page.change_size, page.late,
    event.summary, event.basis, event.coder, event.recorded_at, event.recorded_by,
    CASE page.kind WHEN 'reaffirmed' THEN previous_run.effective ELSE page.effective END
        AS since,
    previous_run.effective AS before_since
FROM snapshot
    LEFT JOIN page ON true
    LEFT JOIN LATERAL (
        SELECT steps.summary, steps.basis, steps.coder, steps.recorded_at, steps.recorded_by
        FROM projections.steps
        WHERE steps.generation = snapshot.positions
            AND steps.open_seq < snapshot.known_size
            AND steps.close_seq >= snapshot.known_size
            AND steps.id = page.id
        ORDER BY steps.open_seq DESC LIMIT 1
    ) event ON true
    LEFT JOIN LATERAL (
        SELECT changes.effective FROM projections.changes
        WHERE page.before_id IS NOT NULL AND changes.kind <> 'reaffirmed'
            AND changes.generation = snapshot.changes
            AND changes.open_seq < snapshot.known_size
            AND changes.close_seq >= snapshot.known_size
            AND changes.line = hashtextextended(page.actor || ' ' || page.topic, 0)
            AND changes.actor || ' ' || changes.topic = page.actor || ' ' || page.topic
            AND (changes.valid_from, changes.ord, changes.made_seq)
                < (page.valid_from, page.ord, page.made_seq)
        ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC LIMIT 1
    ) previous_run ON true
ORDER BY page.valid_from, page.ord, page.made_seq
