-- Steps of all timelines that pass optional filters, last recorded first, before a place.
--
-- Parameters: known_size, limit; made_seq: the place. Filters: actors, topics and
-- kinds (any of these), change_size (the least), effective_from, effective_to, recorded_from,
-- recorded_to. unknown_actors and unknown_topics in the result are names that are not on record.
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
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics
    FROM projections.checkpoints
    WHERE live
        AND name IN ('positions', 'changes', 'actors', 'clock', 'statements', 'topics')
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
--? end actors
page AS (
    SELECT changes.*
    FROM snapshot,
        projections.changes
    WHERE changes.generation = snapshot.changes
        AND changes.open_seq < snapshot.known_size
        AND changes.close_seq >= snapshot.known_size
        AND changes.made_seq < CAST(:made_seq AS bigint)
        AND changes.actor = ANY (ARRAY(SELECT id FROM canonical))  --? actors
        AND changes.topic = ANY (ARRAY(SELECT unnest(CAST(:topics AS text[]))))  --? topics
        AND changes.kind = ANY (CAST(:kinds AS text[]))  --? kinds
        AND changes.change_size >= CAST(:change_size AS integer)  --? change_size
        AND changes.latest >= :effective_from  --? effective_from
        AND changes.valid_from <= :effective_to  --? effective_to
        --? if recorded_from
        AND changes.made_seq >= coalesce((
            SELECT clock.size FROM projections.clock
            WHERE clock.generation = snapshot.clock
                AND clock.recorded_at < :recorded_from
            ORDER BY clock.recorded_at DESC LIMIT 1
        ), 0)
        --? end recorded_from
        --? if recorded_to
        AND changes.made_seq < coalesce((
            SELECT clock.size FROM projections.clock
            WHERE clock.generation = snapshot.clock
                AND clock.recorded_at <= :recorded_to
            ORDER BY clock.recorded_at DESC LIMIT 1
        ), 0)
        --? end recorded_to
    ORDER BY changes.made_seq DESC LIMIT CAST(:limit AS bigint)
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
ORDER BY page.made_seq DESC
