-- Corrections and retractions of positions and statements, last recorded first, before a seq.
--
-- Parameters: known_size, limit; before: the seq. Filters: actors (any of these, and who was merged
-- into them), topics (any of these), first_seq (not recorded before it). `was` and `now` are what
-- stood before and what stands after.
WITH RECURSIVE snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 5 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'positions'), 0) AS positions,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics
    FROM projections.checkpoints
    WHERE live AND name IN ('positions', 'actors', 'clock', 'statements', 'topics')
),
--? if actors
members AS (
    SELECT unnest(CAST(:actors AS text[])) AS id
    UNION
    SELECT merges.id
    FROM snapshot, members JOIN projections.merges ON merges.into_actor = members.id
    WHERE merges.generation = snapshot.actors
        AND merges.open_seq < snapshot.known_size AND merges.close_seq >= snapshot.known_size
),
--? end actors
amended_positions AS (
    (
        SELECT steps.id, steps.open_seq AS seq
        FROM snapshot, projections.steps
        WHERE steps.generation = snapshot.positions AND steps.open_seq > steps.made_seq
            AND steps.open_seq < least(snapshot.known_size, CAST(:before AS bigint))
            AND steps.open_seq >= CAST(:first_seq AS bigint)  --? first_seq
            AND steps.actor = ANY (ARRAY(SELECT id FROM members))  --? actors
            AND steps.topic = ANY (CAST(:topics AS text[]))  --? topics
        ORDER BY steps.open_seq DESC LIMIT CAST(:limit AS bigint)
    )
    UNION ALL
    (
        SELECT steps.id, steps.close_seq
        FROM snapshot, projections.steps
        WHERE steps.generation = snapshot.positions
            AND steps.close_type = 'position.retracted'
            AND steps.close_seq < least(snapshot.known_size, CAST(:before AS bigint))
            AND steps.close_seq >= CAST(:first_seq AS bigint)  --? first_seq
            AND steps.actor = ANY (ARRAY(SELECT id FROM members))  --? actors
            AND steps.topic = ANY (CAST(:topics AS text[]))  --? topics
        ORDER BY steps.close_seq DESC LIMIT CAST(:limit AS bigint)
    )
),
amended_statements AS (
    (
        SELECT statements.id, statements.open_seq AS seq
        FROM snapshot, projections.statements
        WHERE statements.generation = snapshot.statements
            AND statements.open_seq > statements.made_seq
            AND statements.open_seq < least(snapshot.known_size, CAST(:before AS bigint))
            AND statements.open_seq >= CAST(:first_seq AS bigint)  --? first_seq
            AND statements.actors && ARRAY(SELECT id FROM members)  --? actors
            AND statements.topics && CAST(:topics AS text[])  --? topics
        ORDER BY statements.open_seq DESC LIMIT CAST(:limit AS bigint)
    )
    UNION ALL
    (
        SELECT statements.id, statements.close_seq
        FROM snapshot, projections.statements
        WHERE statements.generation = snapshot.statements
            AND statements.close_type = 'statement.retracted'
            AND statements.close_seq < least(snapshot.known_size, CAST(:before AS bigint))
            AND statements.close_seq >= CAST(:first_seq AS bigint)  --? first_seq
            AND statements.actors && ARRAY(SELECT id FROM members)  --? actors
            AND statements.topics && CAST(:topics AS text[])  --? topics
        ORDER BY statements.close_seq DESC LIMIT CAST(:limit AS bigint)
    )
),
page AS (
    SELECT 'position' AS subject, * FROM amended_positions
    UNION ALL
    SELECT 'statement', * FROM amended_statements
    ORDER BY seq DESC LIMIT CAST(:limit AS bigint)
),
versions AS (
    SELECT page.subject, page.seq, steps.id, steps.made_seq, steps.open_seq, steps.close_seq,
        steps.event, steps.event_type, steps.by, steps.reason, steps.close_event, steps.close_type,
        steps.close_by, steps.close_reason, ARRAY[steps.actor] AS actors,
        ARRAY[steps.topic] AS topics,
        jsonb_build_object('words', steps.summary, 'date', steps.effective, 'stance', steps.stance,
            'condition', steps.condition) AS content
    FROM snapshot, page JOIN projections.steps ON page.subject = 'position'
        AND steps.id = page.id AND (steps.open_seq = page.seq OR steps.close_seq = page.seq)
    WHERE steps.generation = snapshot.positions
    UNION ALL
    SELECT page.subject, page.seq, statements.id, statements.made_seq, statements.open_seq,
        statements.close_seq, statements.event, statements.event_type, statements.by,
        statements.reason, statements.close_event, statements.close_type, statements.close_by,
        statements.close_reason, statements.actors, statements.topics,
        jsonb_build_object('words', statements.doc #> '{content,text}',
            'date', statements.doc -> 'said_at', 'stance', NULL, 'condition', NULL)
    FROM snapshot, page JOIN projections.statements ON page.subject = 'statement'
        AND statements.id = page.id
        AND (statements.open_seq = page.seq OR statements.close_seq = page.seq)
    WHERE statements.generation = snapshot.statements
),
amendments AS (
    SELECT page.subject, page.seq, page.id,
        coalesce(later.event, earlier.close_event) AS event,
        coalesce(later.event_type, earlier.close_type) AS event_type,
        coalesce(later.by, earlier.close_by) AS by,
        coalesce(later.reason, earlier.close_reason) AS reason,
        coalesce(later.actors, earlier.actors) AS actors,
        coalesce(later.topics, earlier.topics) AS topics,
        earlier.content AS was, later.content AS now
    FROM page
        LEFT JOIN versions later ON later.id = page.id AND later.open_seq = page.seq
            AND later.seq = page.seq
        LEFT JOIN versions earlier ON earlier.id = page.id AND earlier.close_seq = page.seq
            AND earlier.seq = page.seq
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    amendments.*,
    projections.recorder(amendments.seq) AS recorded_by,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq <= amendments.seq
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS recorded_at,
    ARRAY(
        SELECT coalesce((
            SELECT to_jsonb(actors.names) FROM projections.actors
            WHERE actors.generation = snapshot.actors AND actors.id = slug
                AND actors.open_seq < snapshot.known_size
                AND actors.close_seq >= snapshot.known_size
        ), '[]') FROM unnest(amendments.actors) WITH ORDINALITY named (slug, place) ORDER BY place
    ) AS actor_names,
    ARRAY(
        SELECT coalesce((
            SELECT topics.label FROM projections.topics
            WHERE topics.generation = snapshot.topics AND topics.id = slug
                AND topics.open_seq < snapshot.known_size
                AND topics.close_seq >= snapshot.known_size
        ), slug) FROM unnest(amendments.topics) WITH ORDINALITY named (slug, place) ORDER BY place
    ) AS topic_labels
FROM snapshot
    LEFT JOIN amendments ON true
ORDER BY amendments.seq DESC
