-- Statements whose words at a size have a piece of a quote, those with most pieces first.
--
-- Parameters: known_size; pieces, runs of words as typed; text, the quote; max_hits: how many with
-- a piece are looked at, limit: how many are read. Filter: actors (any of these; statements
-- of actors that were merged into one are among them). Of statements with equally many pieces,
-- those with the very text come first. The index has trigrams of every version: erased words are in
-- none.
WITH RECURSIVE snapshot AS MATERIALIZED (
    SELECT
        least(
            coalesce(CAST(:known_size AS bigint), 9223372036854775807),
            CASE WHEN count(*) = 3 THEN min(size) ELSE 0 END
        ) AS known_size,
        coalesce(max(generation) FILTER (WHERE name = 'statements'), 0) AS statements,
        coalesce(max(generation) FILTER (WHERE name = 'actors'), 0) AS actors,
        coalesce(max(generation) FILTER (WHERE name = 'clock'), 0) AS clock
    FROM projections.checkpoints
    WHERE live AND name IN ('statements', 'actors', 'clock')
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
members AS (
    SELECT id FROM canonical
    UNION
    SELECT merges.id
    FROM snapshot, members JOIN projections.merges ON merges.into_actor = members.id
    WHERE merges.generation = snapshot.actors
        AND merges.open_seq < snapshot.known_size
        AND merges.close_seq >= snapshot.known_size
),
--? end actors
piece AS MATERIALIZED (
    SELECT DISTINCT '%' || regexp_replace(words, '([\\%_])', '\\\1', 'g') || '%' AS pattern
    FROM unnest((SELECT CAST(:pieces AS text[]))) given (typed), projections.bare_words(typed) words
    WHERE length(words) >= 3
),
hit AS MATERIALIZED (
    SELECT statement.id, statement.open_seq, count(*) AS pieces
    FROM snapshot, piece, LATERAL (
        SELECT version.id, version.open_seq
        FROM (
            SELECT statements.id, statements.generation, statements.open_seq,
                statements.close_seq, statements.actors
            FROM projections.statements WHERE statements.bare LIKE piece.pattern
            OFFSET 0  -- or a plan that was made for a small table would take another index
        ) version
        WHERE version.generation = snapshot.statements
            AND version.open_seq < snapshot.known_size
            AND version.close_seq >= snapshot.known_size
            AND version.actors && ARRAY(SELECT id FROM members)  --? actors
        LIMIT CAST(:max_hits AS bigint)
    ) statement
    GROUP BY statement.id, statement.open_seq
),
page AS MATERIALIZED (
    SELECT statements.*, hit.pieces,
        strpos(concat_ws(
            E'\x1f',
            statements.doc #>> '{content,text}',
            statements.doc #>> '{content,original,text}'
        ), :text) > 0 AS has_text
    FROM snapshot, hit JOIN projections.statements USING (id, open_seq)
    WHERE statements.generation = snapshot.statements
    ORDER BY hit.pieces DESC, has_text DESC, statements.said_from DESC, statements.made_seq DESC
    LIMIT CAST(:limit AS bigint)
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
    ARRAY(
        SELECT (
            SELECT actors.names FROM projections.actors
            WHERE actors.generation = snapshot.actors AND actors.id = speakers.speaker ->> 'actor'
                AND actors.open_seq < snapshot.known_size
                AND actors.close_seq >= snapshot.known_size
        )
        FROM jsonb_array_elements(page.doc -> 'speakers') WITH ORDINALITY speakers (speaker, n)
        ORDER BY speakers.n
    ) AS speaker_names,
    page.id, page.doc, page.made_seq, page.open_seq
FROM snapshot
    LEFT JOIN page ON true
ORDER BY page.pieces DESC, page.has_text DESC, page.said_from DESC, page.made_seq DESC
