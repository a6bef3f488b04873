"""Functions that find similar statements, by words or by addresses of evidence, and the recorder of
an entry.

ops/decisions/0053-look-similar-statements-up-in-the-projection.md explains the functions.
"""

from alembic import op

revision = "similar"
down_revision = "grid"

FUNCTIONS = r"""
CREATE FUNCTION projections.bare_words(said text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- A text as searches fold it, without punctuation.
BEGIN
    said := projections.spaced(projections.unaccented(projections.normalized(said)));
    RETURN btrim(regexp_replace(
        said, '[!-/:-@\[-`{-~ \t\n\r\f\v\u0085\u1680\u2028\u2029]+', ' ', 'g'
    ));
END $$;

CREATE FUNCTION projections.addresses(doc jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- Of a statement's document: the addresses of its evidence as recorded.
SELECT jsonb_path_query_array(doc, '$.evidence[*].url')
    || jsonb_path_query_array(doc, '$.evidence[*].archive_url')
$$;

CREATE FUNCTION projections.address_spellings(doc jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- The addresses of a statement's evidence with and without s, www. and a slash at the end.
SELECT array_agg(DISTINCT scheme || prefix || bare || suffix)
FROM jsonb_array_elements_text(projections.addresses(doc)) address,
    regexp_replace(address, '^https?://(www\.)?|/*(#.*)?$', '', 'gi') bare,
    unnest(ARRAY['http://', 'https://']) scheme,
    unnest(ARRAY['', 'www.']) prefix,
    unnest(ARRAY['', '/']) suffix
$$;

CREATE FUNCTION projections.rare_words(said text, lang text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
-- A search for the eight longest of some bare words: few texts have them all.
SELECT string_agg(
    '''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''', ' & '
)::tsquery
FROM (
    SELECT lexeme
    FROM unnest(tsvector_to_array(projections.vector(said, lang))) lexeme
    ORDER BY length(lexeme) DESC, lexeme LIMIT 8
) longest
$$;

CREATE FUNCTION projections.similar_statements(given jsonb)
RETURNS TABLE (id uuid, why text, size bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- Current statements with the words of a statement's document and one of its speakers, merged
-- actors counting as one, and those with one of its addresses; at most ten of each.
DECLARE
    live_generation integer := (
        SELECT generation FROM projections.checkpoints WHERE live AND name = 'statements'
    );
    given_words text := projections.bare_words(left(given #>> '{content,text}', 10000));
    given_query tsquery;
    speakers text[] := ARRAY(
        WITH RECURSIVE merge AS (
            SELECT merges.id, merges.into_actor FROM projections.merges
            WHERE merges.close_seq = 9223372036854775807
                AND merges.generation = (
                    SELECT generation FROM projections.checkpoints WHERE live AND name = 'actors'
                )
        ),
        merge_path AS (
            SELECT speaker ->> 'actor' AS id
            FROM jsonb_array_elements(given -> 'speakers') speaker
            UNION
            SELECT merge.into_actor FROM merge_path JOIN merge ON merge.id = merge_path.id
        ),
        members AS (
            SELECT merge_path.id FROM merge_path
            UNION
            SELECT merge.id FROM members JOIN merge ON merge.into_actor = members.id
        )
        SELECT members.id FROM members
    );
    spellings text[] := projections.address_spellings(given);
BEGIN
    given_query := projections.rare_words(given_words, given #>> '{content,lang}');
    -- Materialized, or the planner would expect ten of them soon in another index.
    RETURN QUERY
        WITH candidate AS MATERIALIZED (
            SELECT statements.id, statements.open_seq, statements.doc FROM projections.statements
            WHERE statements.search @@ given_query
                AND statements.close_seq = 9223372036854775807
                AND statements.generation = live_generation
                AND statements.actors && speakers
        )
        SELECT candidate.id, 'words', candidate.open_seq + 1
        FROM (SELECT * FROM candidate LIMIT 20) candidate
        WHERE projections.bare_words(left(candidate.doc #>> '{content,text}', 10000)) = given_words
        LIMIT 10;
    RETURN QUERY
        WITH candidate AS MATERIALIZED (
            SELECT statements.id, statements.open_seq FROM projections.statements
            WHERE projections.addresses(statements.doc) ?| spellings
                AND statements.close_seq = 9223372036854775807
                AND statements.generation = live_generation
        )
        SELECT candidate.id, 'address', candidate.open_seq + 1 FROM candidate LIMIT 10;
END $$;

CREATE FUNCTION projections.recorder(of_seq bigint) RETURNS text
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- Who recorded an entry; NULL if there is none.
SELECT convert_from(entry, 'UTF8')::jsonb ->> 'recorded_by'
FROM ledger.entries WHERE seq = of_seq
$$;

CREATE INDEX statements_addresses ON projections.statements
    USING gin (projections.addresses(doc)) WITH (fastupdate = off)
    WHERE close_seq = 9223372036854775807;
ALTER INDEX projections.statements_addresses ALTER COLUMN 1 SET STATISTICS 0;
"""

GRANTS = """
REVOKE EXECUTE ON FUNCTION
    projections.recorder(bigint), projections.similar_statements(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION projections.recorder(bigint) TO onrecord_query, onrecord_audit;
GRANT USAGE ON SCHEMA projections TO onrecord_ingest;
GRANT EXECUTE ON FUNCTION projections.similar_statements(jsonb) TO onrecord_ingest;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(FUNCTIONS)
    op.execute(GRANTS)
    op.execute("RESET ROLE")
