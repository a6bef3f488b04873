"""Similar: statements found by their words or by the addresses of their evidence.

ops/decisions/0053-look-similar-statements-up-in-the-projection.md explains the functions.
"""

from alembic import op

revision = "similar"
down_revision = "search"

FUNCTIONS = r"""
CREATE FUNCTION projections.address_key(url text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- An address without scheme, www., fragment and last slash, its host in lower case.
DECLARE
    rest text := regexp_replace(url, '^https?://(www\.)?|/*(#.*)?$', '', 'gi');
    host text := split_part(rest, '/', 1);
BEGIN
    RETURN lower(host) || substr(rest, length(host) + 1);
END $$;

CREATE FUNCTION projections.similarity_keys(doc jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- Of a statement's document: a digest of each speaker with the words, as searches fold them and
-- without punctuation, after "words "; and one of each address of its evidence, after "address ".
DECLARE
    said text := projections.spaced(
        projections.unaccented(projections.normalized(doc #>> '{content,text}'))
    );
BEGIN
    said := btrim(regexp_replace(
        said, '[!-/:-@\[-`{-~ \t\n\r\f\v\u0085\u1680\u2028\u2029]+', ' ', 'g'
    ));
    RETURN ARRAY(
        SELECT 'words ' || md5(concat_ws(chr(31), speaker ->> 'actor', said))
        FROM jsonb_array_elements(doc -> 'speakers') speaker
        WHERE said <> ''
        UNION
        SELECT 'address ' || md5(projections.address_key(url))
        FROM jsonb_array_elements(doc -> 'evidence') piece,
            unnest(ARRAY[piece ->> 'url', piece ->> 'archive_url']) url
        WHERE url IS NOT NULL
    );
END $$;

CREATE FUNCTION projections.similar_statements(doc jsonb)
RETURNS TABLE (id uuid, why text, size bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- Current statements, at most ten for each reason, that share a key with a statement's document.
DECLARE
    given text[] := projections.similarity_keys(doc);
    reason text;
    wanted text[];
BEGIN
    FOREACH reason IN ARRAY ARRAY['words', 'address'] LOOP
        wanted := ARRAY(SELECT key FROM unnest(given) key WHERE starts_with(key, reason || ' '));
        -- Materialized, or the planner would expect ten of them soon in another index.
        RETURN QUERY
            WITH candidate AS MATERIALIZED (
                SELECT statements.id, statements.open_seq FROM projections.statements
                WHERE projections.similarity_keys(statements.doc) && wanted
                    AND statements.close_seq = 9223372036854775807
                    AND statements.generation = (
                        SELECT checkpoints.generation FROM projections.checkpoints
                        WHERE checkpoints.live AND checkpoints.name = 'statements'
                    )
            )
            SELECT candidate.id, reason, candidate.open_seq + 1 FROM candidate LIMIT 10;
    END LOOP;
END $$;

CREATE INDEX statements_similar ON projections.statements
    USING gin (projections.similarity_keys(doc)) WITH (fastupdate = off)
    WHERE close_seq = 9223372036854775807;
ALTER INDEX projections.statements_similar ALTER COLUMN 1 SET STATISTICS 0;
"""

GRANTS = """
REVOKE EXECUTE ON FUNCTION projections.similar_statements(jsonb) FROM PUBLIC;
GRANT USAGE ON SCHEMA projections TO onrecord_ingest;
GRANT EXECUTE ON FUNCTION projections.similar_statements(jsonb) TO onrecord_ingest;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(FUNCTIONS)
    op.execute(GRANTS)
    op.execute("RESET ROLE")
