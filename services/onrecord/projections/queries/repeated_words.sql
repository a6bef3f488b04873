-- Statements with the very words and the URL of an earlier one, where neither names the other as
-- the same utterance; in the order of a hash of the words.
--
-- Parameters: known_size, max_candidates; after: only words whose hash is greater than this.
WITH snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 2 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock
    FROM projections.checkpoints
    WHERE live AND name IN ('statements', 'clock')
),
page AS (
    SELECT statements.id, statements.words FROM snapshot, projections.statements
    WHERE statements.generation = snapshot.statements
        AND statements.open_seq < snapshot.known_size
        AND statements.close_seq >= snapshot.known_size
        AND statements.words > :after
    ORDER BY statements.words LIMIT CAST(:max_candidates AS bigint)
),
-- The last words of which all statements are on the page; a full page may cut its last ones.
complete AS (
    SELECT CASE
        WHEN count(*) < CAST(:max_candidates AS bigint) THEN max(words)
        ELSE coalesce(
            max(words) FILTER (WHERE words < (SELECT max(words) FROM page)), max(words)
        )
    END AS words
    FROM page
),
candidate AS (
    SELECT statements.id, statements.words, statements.made_seq,
        statements.doc -> 'same_utterance_as' AS same_utterance_as, evidence.url
    FROM snapshot, complete, projections.statements, LATERAL (
        SELECT DISTINCT piece ->> 'url' AS url
        FROM jsonb_array_elements(statements.doc -> 'evidence') piece
        WHERE piece ? 'url'
    ) evidence
    WHERE statements.generation = snapshot.statements
        AND statements.open_seq < snapshot.known_size
        AND statements.close_seq >= snapshot.known_size
        AND statements.words IN (
            SELECT page.words FROM page WHERE page.words <= complete.words
            GROUP BY page.words
            HAVING count(*) > 1 OR count(*) = CAST(:max_candidates AS bigint)
        )
),
compared AS (
    SELECT candidate.*, first_value(id) OVER earliest AS other,
        first_value(same_utterance_as) OVER earliest AS others_same_utterance_as
    FROM candidate
    WINDOW earliest AS (PARTITION BY words, url ORDER BY made_seq)
),
finding AS (
    SELECT DISTINCT ON (words, made_seq) made_seq, words AS place, id AS statement,
        NULL::uuid AS position, NULL AS actor, NULL AS topic, NULL AS statement_stance,
        NULL AS position_stance, other
    FROM compared
    WHERE other <> id
        AND NOT coalesce(same_utterance_as ? CAST(other AS text), false)
        AND NOT coalesce(others_same_utterance_as ? CAST(id AS text), false)
    ORDER BY words, made_seq, other
)
SELECT
    snapshot.known_size,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq < snapshot.known_size
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS known_at,
    (SELECT count(*) FROM page) AS candidate_count,
    CAST((SELECT words FROM complete) AS text) AS last,
    finding.*,
    projections.recorder(finding.made_seq) AS recorded_by,
    (
        SELECT clock.recorded_at FROM projections.clock
        WHERE clock.generation = snapshot.clock AND clock.open_seq <= finding.made_seq
        ORDER BY clock.open_seq DESC LIMIT 1
    ) AS recorded_at
FROM snapshot
    LEFT JOIN finding ON true
ORDER BY finding.place, finding.made_seq
