-- Statements with the very words and the URL of an earlier one, where neither names the other as
-- the same utterance; in the order of a hash of the words.
--
-- Parameters: known_size, max_candidates; after: only words whose hash is greater than this.
WITH snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 3 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
        coalesce(max(generation) FILTER (WHERE name = 'dismissals'), 0) AS dismissals,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock
    FROM projections.checkpoints
    WHERE live AND name IN ('statements', 'dismissals', 'clock')
),
scanned AS MATERIALIZED (
    SELECT (
        SELECT statements.words FROM projections.statements
        WHERE statements.generation = (SELECT statements FROM snapshot)
            AND statements.words > :after
        ORDER BY statements.words
        OFFSET CAST(:max_candidates AS bigint) - 1 LIMIT 1
    ) AS last
),
repeated AS MATERIALIZED (
    SELECT statements.words FROM snapshot, projections.statements
    WHERE statements.generation = (SELECT statements FROM snapshot)
        AND statements.open_seq < snapshot.known_size
        AND statements.close_seq >= snapshot.known_size
        AND statements.words > :after
        AND statements.words <= (SELECT coalesce(last, 'g') FROM scanned)  -- after all digits
    GROUP BY statements.words HAVING count(*) > 1
),
candidate AS (
    SELECT statements.id, repeated.words, statements.made_seq, statements.same_utterance_as,
        evidence.url
    FROM snapshot, repeated, LATERAL (
        SELECT statements.id, statements.made_seq, statements.doc -> 'evidence' AS evidence,
            statements.doc -> 'same_utterance_as' AS same_utterance_as
        FROM projections.statements
        WHERE statements.generation = snapshot.statements
            AND statements.words = repeated.words
            AND statements.open_seq < snapshot.known_size
            AND statements.close_seq >= snapshot.known_size
        OFFSET 0
    ) statements, LATERAL (
        SELECT DISTINCT piece ->> 'url' AS url FROM jsonb_array_elements(statements.evidence) piece
        WHERE piece ? 'url'
    ) evidence
),
compared AS (
    SELECT candidate.*, first_value(id) OVER earliest AS other,
        first_value(same_utterance_as) OVER earliest AS others_same_utterance_as
    FROM candidate
    WINDOW earliest AS (PARTITION BY words, url ORDER BY made_seq)
),
finding AS (
    SELECT DISTINCT made_seq, words AS place, id AS statement,
        NULL::uuid AS position, NULL AS actor, NULL AS topic, NULL AS statement_stance,
        NULL AS position_stance, other, ARRAY[id, other] AS statements
    FROM compared
    WHERE other <> id
        AND NOT coalesce(same_utterance_as ? CAST(other AS text), false)
        AND NOT coalesce(others_same_utterance_as ? CAST(id AS text), false)
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    scanned.last,
    finding.*,
    projections.recorder(finding.made_seq) AS recorded_by,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq <= finding.made_seq
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS recorded_at,
    (
        SELECT json_agg(to_json(dismissal) ORDER BY dismissal.open_seq DESC)
        FROM (
            SELECT * FROM projections.dismissals
            WHERE dismissals.about @> ARRAY[finding.statement] OFFSET 0
        ) dismissal
        WHERE dismissal.generation = snapshot.dismissals AND dismissal.kind = 'same_words'
            AND dismissal.open_seq < snapshot.known_size
            AND dismissal.close_seq >= snapshot.known_size
    ) AS dismissals
FROM snapshot
    CROSS JOIN scanned
    LEFT JOIN finding ON true
ORDER BY finding.place, finding.made_seq, finding.other
