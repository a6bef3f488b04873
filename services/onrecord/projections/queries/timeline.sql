-- The steps of an actor's timeline on a topic, in valid-time order, after a place in it.
--
-- Parameters: actor, topic, known_size, limit; valid_from, ord, made_seq: the place.
WITH RECURSIVE snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 6 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'positions'), 0) AS positions,
        coalesce(max(generation) FILTER (WHERE name = 'changes'), 0) AS changes,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements
    FROM projections.checkpoints
    WHERE live AND name IN ('positions', 'changes', 'actors', 'clock', 'topics', 'statements')
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
    previous_run.effective AS before_since,
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
            AND retracted.id = ANY (event.basis)
            AND retracted.close_seq < snapshot.known_size
            AND retracted.close_type = 'statement.retracted'
            AND NOT EXISTS (  -- a correction undoes a retraction
                SELECT FROM projections.statements later
                WHERE later.generation = snapshot.statements AND later.id = retracted.id
                    AND later.open_seq > retracted.close_seq
                    AND later.open_seq < snapshot.known_size
            )
        ORDER BY retracted.close_seq
    ) AS retracted_basis,
    -- whether another step of the timeline has a date that overlaps this one's, and is not the same
    EXISTS (
        SELECT FROM projections.changes
        WHERE changes.generation = snapshot.changes
            AND changes.open_seq < snapshot.known_size
            AND changes.close_seq >= snapshot.known_size
            AND changes.line = hashtextextended(page.actor || ' ' || page.topic, 0)
            AND changes.actor || ' ' || changes.topic = page.actor || ' ' || page.topic
            AND changes.valid_from BETWEEN page.earliest - interval '1 day' AND page.latest
            AND changes.latest >= page.earliest
            AND (changes.earliest, changes.latest, changes.valid_from)
                <> (page.earliest, page.latest, page.valid_from)
    ) OR EXISTS (
        SELECT FROM projections.changes
        WHERE changes.generation = snapshot.changes
            AND changes.open_seq < snapshot.known_size
            AND changes.close_seq >= snapshot.known_size
            AND changes.line = hashtextextended(page.actor || ' ' || page.topic, 0)
            AND changes.actor || ' ' || changes.topic = page.actor || ' ' || page.topic
            AND changes.valid_from >= page.earliest - interval '366 days'
            AND changes.valid_from < page.earliest
            AND changes.latest - changes.earliest > interval '1 day'
            AND changes.latest >= page.earliest
    ) OR EXISTS (
        SELECT FROM projections.changes
        WHERE changes.generation = snapshot.changes
            AND changes.open_seq < snapshot.known_size
            AND changes.close_seq >= snapshot.known_size
            AND changes.actor = page.actor AND changes.topic = page.topic
            AND changes.valid_from > page.latest
            AND changes.earliest = '0001-01-01 00:00:00+00'
    ) AS overlaps,
    -- whether the step before it has the same date
    EXISTS (
        SELECT FROM projections.changes
        WHERE changes.generation = snapshot.changes
            AND changes.open_seq < snapshot.known_size
            AND changes.close_seq >= snapshot.known_size
            AND changes.line = hashtextextended(page.actor || ' ' || page.topic, 0)
            AND changes.actor || ' ' || changes.topic = page.actor || ' ' || page.topic
            AND changes.valid_from = page.valid_from
            AND (changes.ord, changes.made_seq) < (page.ord, page.made_seq)
    ) AS follows_on_same_date,
    -- the steps that may have been held just before it, and perhaps more
    ARRAY(
        SELECT json_build_object(
            'id', candidate.id, 'stance', candidate.stance,
            'condition', candidate.condition, 'effective', candidate.effective,
            'order', candidate.ord, 'seq', candidate.made_seq
        )
        FROM (
            SELECT * FROM projections.changes
            WHERE changes.generation = snapshot.changes
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
                AND changes.line = hashtextextended(page.actor || ' ' || page.topic, 0)
                AND changes.actor || ' ' || changes.topic = page.actor || ' ' || page.topic
                AND changes.valid_from >= begun.by - interval '1 day'
                AND changes.valid_from < page.earliest
                AND changes.latest - changes.earliest <= interval '1 day'
                AND changes.latest >= begun.by
            UNION ALL
            SELECT * FROM projections.changes
            WHERE changes.generation = snapshot.changes
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
                AND changes.line = hashtextextended(page.actor || ' ' || page.topic, 0)
                AND changes.actor || ' ' || changes.topic = page.actor || ' ' || page.topic
                AND changes.valid_from >= begun.by - interval '366 days'
                AND changes.valid_from < page.earliest
                AND changes.latest - changes.earliest > interval '1 day'
                AND changes.latest >= begun.by
        ) candidate
    ) AS candidates
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
    LEFT JOIN LATERAL (
        SELECT coalesce((
            SELECT changes.earliest FROM projections.changes
            WHERE changes.generation = snapshot.changes
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
                AND changes.line = hashtextextended(page.actor || ' ' || page.topic, 0)
                AND changes.actor || ' ' || changes.topic = page.actor || ' ' || page.topic
                AND changes.valid_from < page.earliest AND changes.latest < page.earliest
                AND changes.earliest > '0001-01-01 00:00:00+00'
            ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC LIMIT 1
        ), '-infinity') AS by
    ) begun ON true
ORDER BY page.valid_from, page.ord, page.made_seq
