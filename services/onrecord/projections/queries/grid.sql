-- What each actor holds on each topic at a date, in the order of actors and topics, after a pair.
--
-- Parameters: as_of, known_size, limit, max_pairs (that are looked at); after_actor, after_topic:
-- the pair. Filters: actors, topics, stances (any of these, of the step that is held in the order
-- of dates). The pairs are every_pair, or those of_actors, of_topics or of_both. In the result,
-- pair_count is how many were looked at, last_actor and last_topic the last of them,
-- unknown_actors and unknown_topics names that are not on record.
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
--? if of_both
pairs AS MATERIALIZED (
    SELECT DISTINCT canonical.id AS actor, wanted.slug AS topic
    FROM snapshot, canonical, unnest((SELECT CAST(:topics AS text[]))) wanted (slug), LATERAL (
        SELECT changes.id FROM projections.changes
        WHERE changes.generation = snapshot.changes
            AND changes.actor = canonical.id AND changes.topic = wanted.slug
        ORDER BY changes.actor, changes.topic LIMIT 1
    ) any_step
),
--? end of_both
-- For each pair in turn, one descent of an index to the next timeline and one to its last step by
-- as_of, until enough are there. A timeline may have no visible step that early. It is listed all
-- the same if one of a date `../D` may have begun by then.
walk AS (
    SELECT CAST(:after_actor AS text) AS held_by, CAST(:after_topic AS text) AS held_on,
        false AS listed, 0 AS listed_count, 0 AS pair_count, (NULL::projections.changes).*
    UNION ALL
    SELECT next_pair.actor, next_pair.topic, found.listed,
        walk.listed_count + CAST(found.listed AS integer), walk.pair_count + 1, step.*
    FROM snapshot, walk, LATERAL (
            SELECT candidate.actor, candidate.topic
            FROM (
                SELECT CAST(NULL AS text) AS actor, CAST(NULL AS text) AS topic WHERE false
                --? if every_pair
                UNION ALL
                (
                    SELECT changes.actor, changes.topic FROM projections.changes
                    WHERE changes.generation = snapshot.changes
                        AND (changes.actor, changes.topic) > (walk.held_by, walk.held_on)
                    ORDER BY changes.actor, changes.topic LIMIT 1
                )
                --? end every_pair
                --? if of_actors
                UNION ALL
                (
                    SELECT changes.actor, changes.topic FROM projections.changes
                    WHERE changes.generation = snapshot.changes AND changes.actor = walk.held_by
                        AND changes.topic > walk.held_on
                    ORDER BY changes.topic LIMIT 1
                )
                UNION ALL
                (  -- an actor without a position is a pair with no topic, which is not listed
                    SELECT canonical.id, coalesce((
                        SELECT changes.topic FROM projections.changes
                        WHERE changes.generation = snapshot.changes AND changes.actor = canonical.id
                        ORDER BY changes.topic LIMIT 1
                    ), '')
                    FROM canonical WHERE canonical.id > walk.held_by
                    ORDER BY canonical.id LIMIT 1
                )
                --? end of_actors
                --? if of_topics
                UNION ALL
                SELECT next_actor.actor, wanted.slug
                FROM unnest((SELECT CAST(:topics AS text[]))) wanted (slug), LATERAL (
                    (
                        SELECT changes.actor FROM projections.changes
                        WHERE changes.generation = snapshot.changes
                            AND changes.topic = wanted.slug AND changes.actor = walk.held_by
                            AND wanted.slug > walk.held_on
                        ORDER BY changes.actor LIMIT 1
                    )
                    UNION ALL
                    (
                        SELECT changes.actor FROM projections.changes
                        WHERE changes.generation = snapshot.changes
                            AND changes.topic = wanted.slug AND changes.actor > walk.held_by
                        ORDER BY changes.actor LIMIT 1
                    )
                ) next_actor
                --? end of_topics
                --? if of_both
                UNION ALL
                SELECT pairs.actor, pairs.topic FROM pairs
                WHERE (pairs.actor, pairs.topic) > (walk.held_by, walk.held_on)
                --? end of_both
            ) candidate
            ORDER BY candidate.actor, candidate.topic LIMIT 1
        ) next_pair
        LEFT JOIN LATERAL (
            SELECT changes.* FROM projections.changes
            WHERE changes.generation = snapshot.changes
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
                AND changes.line = hashtextextended(next_pair.actor || ' ' || next_pair.topic, 0)
                AND changes.actor || ' ' || changes.topic
                    = next_pair.actor || ' ' || next_pair.topic
                AND changes.valid_from <= :as_of
            ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC LIMIT 1
        ) step ON true
        CROSS JOIN LATERAL (
            SELECT (
                step.id IS NOT NULL OR EXISTS (
                    SELECT FROM projections.changes
                    WHERE changes.generation = snapshot.changes
                        AND changes.open_seq < snapshot.known_size
                        AND changes.close_seq >= snapshot.known_size
                        AND changes.actor = next_pair.actor AND changes.topic = next_pair.topic
                        AND changes.valid_from > :as_of
                        AND changes.earliest = '0001-01-01 00:00:00+00'
                )
            )
            AND coalesce(step.stance = ANY (CAST(:stances AS text[])), false)  --? stances
            AS listed
        ) found
    WHERE walk.listed_count < CAST(:limit AS bigint)
        AND walk.pair_count < CAST(:max_pairs AS bigint)
),
reached AS (
    SELECT walk.pair_count, walk.held_by AS last_actor, walk.held_on AS last_topic
    FROM walk ORDER BY walk.pair_count DESC LIMIT 1
),
page AS (
    SELECT walk.* FROM walk WHERE walk.listed
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
    reached.pair_count, reached.last_actor, reached.last_topic,
    page.id, page.held_by AS actor, page.recorded_as, page.held_on AS topic, page.valid_from,
    page.ord, page.made_seq, page.effective, page.stance, page.condition, page.before_id,
    page.before_stance, page.kind, page.change_size, page.late,
    event.summary, event.basis, event.coder, event.recorded_at, event.recorded_by,
    CASE page.kind WHEN 'reaffirmed' THEN previous_run.effective ELSE page.effective END
        AS since,
    previous_run.effective AS before_since,
    (
        SELECT actors.names FROM projections.actors
        WHERE actors.generation = snapshot.actors AND actors.id = page.held_by
            AND actors.open_seq < snapshot.known_size
            AND actors.close_seq >= snapshot.known_size
    ) AS actor_names,
    (
        SELECT topics.label FROM projections.topics
        WHERE topics.generation = snapshot.topics AND topics.id = page.held_on
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
                AND changes.line = hashtextextended(page.held_by || ' ' || page.held_on, 0)
                AND changes.actor || ' ' || changes.topic = page.held_by || ' ' || page.held_on
                AND changes.valid_from BETWEEN begun.by - interval '366 days' AND :as_of
                AND changes.latest >= begun.by
            UNION ALL
            SELECT * FROM projections.changes
            WHERE changes.generation = snapshot.changes
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
                AND changes.actor = page.held_by AND changes.topic = page.held_on
                AND changes.valid_from > :as_of
                AND changes.earliest = '0001-01-01 00:00:00+00'
        ) candidate
    ) AS candidates
FROM snapshot
    CROSS JOIN reached
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
        SELECT CASE
            WHEN page.latest <= :as_of AND page.earliest > '0001-01-01 00:00:00+00'
                THEN page.earliest
            WHEN page.id IS NOT NULL THEN coalesce((
                SELECT changes.earliest FROM projections.changes
                WHERE changes.generation = snapshot.changes
                    AND changes.open_seq < snapshot.known_size
                    AND changes.close_seq >= snapshot.known_size
                    AND changes.line = hashtextextended(page.held_by || ' ' || page.held_on, 0)
                    AND changes.actor || ' ' || changes.topic = page.held_by || ' ' || page.held_on
                    AND changes.valid_from <= :as_of
                    AND changes.latest <= :as_of
                    AND changes.earliest > '0001-01-01 00:00:00+00'
                ORDER BY changes.valid_from DESC, changes.ord DESC, changes.made_seq DESC LIMIT 1
            ), '-infinity')
        END AS by
    ) begun ON true
ORDER BY page.held_by, page.held_on
