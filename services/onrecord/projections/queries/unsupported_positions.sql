-- Positions of whose basis no statement is left that is not somebody else's account.
--
-- Parameters: known_size, max_candidates; after: a seq; only statements made before it are
-- candidates. Those are statements that were retracted, or are somebody else's account.
WITH snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 7 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
        coalesce(max(generation) FILTER (WHERE name = 'dismissals'), 0) AS dismissals,
        coalesce(max(generation) FILTER (WHERE name = 'positions'), 0) AS positions,
        coalesce(max(generation) FILTER (WHERE name = 'changes'), 0) AS changes,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'topics'), 0) AS topics
    FROM projections.checkpoints
    WHERE live AND name IN
        ('statements', 'dismissals', 'positions', 'changes', 'clock', 'actors', 'topics')
),
scanned AS MATERIALIZED (
    SELECT (
        SELECT statements.made_seq FROM projections.statements
        WHERE statements.generation = (SELECT statements FROM snapshot)
            AND (statements.close_type = 'statement.retracted' OR statements.doc ? 'embedded_in')
            AND statements.made_seq
                < (SELECT least(CAST(:after AS bigint), known_size) FROM snapshot)
        ORDER BY statements.made_seq DESC
        OFFSET CAST(:max_candidates AS bigint) - 1 LIMIT 1
    ) AS last
),
--? if dismissed
dismissed AS MATERIALIZED (
    SELECT unnest(dismissals.statements) AS statement FROM snapshot, projections.dismissals
    WHERE dismissals.generation = snapshot.dismissals AND dismissals.kind = 'unsupported'
        AND dismissals.open_seq < snapshot.known_size
        AND dismissals.close_seq >= snapshot.known_size
),
--? end dismissed
page AS MATERIALIZED (
    SELECT DISTINCT statements.id, statements.made_seq FROM snapshot, projections.statements
    WHERE statements.generation = (SELECT statements FROM snapshot)
        AND statements.open_seq < snapshot.known_size
        AND (statements.close_type = 'statement.retracted' OR statements.doc ? 'embedded_in')
        AND (
            statements.close_seq >= snapshot.known_size
            OR statements.close_type = 'statement.retracted'
        )
        AND (statements.id IN (SELECT statement FROM dismissed)) IS TRUE  --? dismissed
        AND statements.made_seq >= (SELECT coalesce(last, 0) FROM scanned)
        AND statements.made_seq < (SELECT least(CAST(:after AS bigint), known_size) FROM snapshot)
),
-- Positions are found by the index of `basis` and each row that belongs to one by its id, whatever
-- the planner believes about the tables (OFFSET 0 and LIMIT keep it from joining them).
finding AS (
    SELECT page.made_seq, CAST(page.made_seq AS text) AS place, page.id AS statement,
        position.id AS position, change.actor, position.topic, NULL AS statement_stance,
        position.stance AS position_stance, NULL::uuid AS other, position.basis AS statements
    FROM snapshot, page, LATERAL (
            SELECT steps.* FROM projections.steps WHERE steps.basis @> ARRAY[page.id] OFFSET 0
        ) position, LATERAL (
            SELECT changes.actor FROM projections.changes
            WHERE changes.generation = snapshot.changes AND changes.id = position.id
                AND changes.open_seq < snapshot.known_size
                AND changes.close_seq >= snapshot.known_size
            ORDER BY changes.open_seq DESC LIMIT 1
        ) change, LATERAL (
            SELECT max(version.made_seq) AS last_made,
                bool_or(
                    version.open_seq < snapshot.known_size
                    AND version.close_seq >= snapshot.known_size
                    AND NOT version.doc ? 'embedded_in'
                ) AS is_supported
            FROM unnest(position.basis) basis (id), LATERAL (
                SELECT statements.made_seq, statements.open_seq, statements.close_seq,
                    statements.doc
                FROM projections.statements
                WHERE statements.generation = snapshot.statements AND statements.id = basis.id
                OFFSET 0
            ) version
        ) basis
    WHERE position.generation = snapshot.positions
        AND position.open_seq < snapshot.known_size
        AND position.close_seq >= snapshot.known_size
        AND NOT basis.is_supported
        AND page.made_seq = basis.last_made  -- listed once, with the last statement of its basis
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    CAST(scanned.last AS text) AS last,
    finding.*,
    projections.recorder(finding.made_seq) AS recorded_by,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq <= finding.made_seq
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS recorded_at,
    (
        SELECT actors.names FROM projections.actors
        WHERE actors.generation = snapshot.actors AND actors.id = finding.actor
            AND actors.open_seq < snapshot.known_size
            AND actors.close_seq >= snapshot.known_size
    ) AS actor_names,
    (
        SELECT topics.label FROM projections.topics
        WHERE topics.generation = snapshot.topics AND topics.id = finding.topic
            AND topics.open_seq < snapshot.known_size
            AND topics.close_seq >= snapshot.known_size
    ) AS topic_label,
    (
        SELECT json_agg(to_json(dismissal) ORDER BY dismissal.open_seq DESC)
        FROM (
            SELECT * FROM projections.dismissals
            WHERE dismissals.about @> ARRAY[finding.statement] OFFSET 0
        ) dismissal
        WHERE dismissal.generation = snapshot.dismissals AND dismissal.kind = 'unsupported'
            AND dismissal.open_seq < snapshot.known_size
            AND dismissal.close_seq >= snapshot.known_size
    ) AS dismissals
FROM snapshot
    CROSS JOIN scanned
    LEFT JOIN finding ON true
ORDER BY finding.made_seq DESC, finding.position
