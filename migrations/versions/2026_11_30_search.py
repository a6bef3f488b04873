"""Search: text found as people type it, by folded words, n-grams and word forms.

The functions are explained in ops/decisions/0040-search-text-as-people-type-it.md.
"""

from alembic import op

revision = "search"
down_revision = "stemmers"

IGNORED = (
    r"\u00ad\u034f\u0640\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef"
)
"""Characters without width, and the Arabic tatweel."""

PLAIN = (
    r"\u0001-\u009f\u00a1-\u00a7\u00a9\u00ab\u00ac\u00ae\u00b0\u00b1\u00b6\u00b7\u00bb\u00bf-\u0131"
    r"\u0134-\u013e\u0141-\u0148\u014a-\u017e\u0388-\u03ce\u0400-\u0482\u048a-\u052f\u05d0-\u05ea"
    r"\u0621-\u063a\u0641-\u064a\u0e01-\u0e32\u0e40-\u0e47\u1ea0-\u1eff\u2010\u2012-\u2016\u2018-\u2023"
    r"\u3001-\u3029\u3041-\u3096\u30a1-\u30fe\u4e00-\u9fff\uac00-\ud7a3"
)
"""Characters that NFKC keeps wherever they stand: a text of these needs no more than lower case."""

MARKS = (
    r"\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a"
    r"\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff"
    r"\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
"""Accents of Latin, Greek and Cyrillic, vowel points of Hebrew and Arabic; not those of scripts in
which a mark is a vowel (Devanagari) or another sound (Japanese)."""

APOSTROPHES = (
    "\u0060\u00b4\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u2018\u2019\u201b\u2032\u05f3\ua78c"
)
QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb"
SAME_LETTERS = {
    **dict.fromkeys(APOSTROPHES, "'"),
    **dict.fromkeys(f"{QUOTES}\u2033\u05f4", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u05be", "-"),
    "\u03c2": "\u03c3",  # the sigma at the end of a word
    "\u0451": "\u0435",  # Russian yo is mostly written as ye
    **dict.fromkeys("\u0622\u0623\u0625\u0671", "\u0627"),  # alef
    **dict.fromkeys("\u0649\u06cc", "\u064a"),  # yeh, Arabic and Persian
    "\u06a9": "\u0643",  # kaf
    "\u0629": "\u0647",  # teh marbuta
}
"""Letters and punctuation that people type for each other, beyond the rules of `unaccent`."""

PUNCTUATION = (
    r"\u00a1-\u00a9\u00ab\u00ac\u00ae-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    r"\u02b9-\u02bf\u02c2-\u02df\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3\u05c6\u05f3\u05f4"
    r"\u0609-\u060d\u061b-\u061f\u066a-\u066d\u06d4\u0964\u0965\u0970\u0e4f\u0e5a\u0e5b"
    r"\u104a-\u104f\u1360-\u1368\u17d4-\u17db\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff\u2e00-\u2e7f"
    r"\u3000-\u3004\u3008-\u3030\u303d\u30a0\u30fb\ua78c\ufe10-\ufe19\ufe30-\ufe6f"
    r"\U0001f000-\U0001faff"
)
"""Beyond ASCII: a server whose locale is C takes all of these for letters."""

NO_BLANKS = (
    r"\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0edf\u1000-\u1049\u1050-\u109f\u1100-\u11ff\u1780-\u17d3"
    r"\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e"
    r"\u31a0-\u31bf\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Scripts without a blank between a word and what is joined to it: Thai, Lao, Burmese, Khmer,
Chinese, Japanese, Korean."""


def quoted(text: str) -> str:
    """A literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


FOLDING = f"""
CREATE FUNCTION projections.normalized(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- Lower case, NFKC (one width), no characters without width.
BEGIN
    IF given !~ '[^{PLAIN}]' THEN
        RETURN lower(given);
    END IF;
    given := regexp_replace(given, '[{IGNORED}]+', '', 'g');
    given := replace(given, '\u00b4', '''');  -- NFKC would make it a blank and a mark
    RETURN lower(normalize(lower(given), NFKC));
END $$;

CREATE FUNCTION projections.unaccented(normalized text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- Without accents and special letters; what people type for each other is the same.
BEGIN
    IF normalized ~ '[{"".join(SAME_LETTERS)}]' THEN
        normalized := translate(
            normalized,
            {quoted("".join(SAME_LETTERS))},
            {quoted("".join(SAME_LETTERS.values()))}
        );
    END IF;
    IF octet_length(normalized) = length(normalized) THEN
        RETURN normalized;
    END IF;
    normalized := lower(public.unaccent('public.unaccent', normalized));
    IF normalized ~ '[{MARKS}]' THEN
        RETURN regexp_replace(normalized, '[{MARKS}]+', '', 'g');
    END IF;
    RETURN normalized;
END $$;

CREATE FUNCTION projections.folded(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- A text as it is compared: normalized, unaccented, single blanks.
BEGIN
    given := projections.unaccented(projections.normalized(given));
    given := regexp_replace(given, '[- \\t\\n\\r\\f\\v\\u0085\\u1680\\u2028\\u2029]+', ' ', 'g');
    RETURN btrim(given);
END $$;

CREATE FUNCTION projections.spaced(normalized text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- A blank for each character that would join words, or that the parser would take for a letter.
BEGIN
    RETURN regexp_replace(normalized, '[-/._@~&<+`{PUNCTUATION}]+', ' ', 'g');
END $$;

CREATE FUNCTION projections.ngrams(words text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- Of each run abc of a script without blanks: the words a, ab, bc, c.
BEGIN
    IF octet_length(words) > length(words) AND words ~ '[{NO_BLANKS}]' THEN
        words := regexp_replace(words, '([{NO_BLANKS}]+)', ' \\1 ', 'g');
        RETURN regexp_replace(words, '([{NO_BLANKS}])', '\\1 \\1', 'g');
    END IF;
    RETURN words;
END $$;
"""

SEARCHING = f"""
CREATE FUNCTION projections.vector(said text, lang text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
-- The words of a text, unaccented; in a language with a stemmer their stems, each after "en/".
DECLARE
    normalized text := projections.spaced(projections.normalized(said));
    words text := normalized;
    code text := projections.stemmer(lang);
    configuration regconfig := projections.configuration(code);
    stems text;
BEGIN
    IF octet_length(normalized) > length(normalized) THEN
        words := projections.ngrams(projections.unaccented(normalized));
    END IF;
    IF configuration IS NULL THEN
        RETURN to_tsvector('simple'::regconfig, words);
    END IF;
    stems := to_tsvector(configuration, words)::text;
    normalized := projections.ngrams(normalized);
    IF words <> normalized THEN
        -- A stemmer needs accents, and who types none must find the word too: both are stored.
        stems := stems || ' ' || projections.unaccented(
            to_tsvector(configuration, normalized)::text
        );
    END IF;
    RETURN replace(' ' || stems, ' ''', ' ''' || code || '/')::tsvector;
END $$;

CREATE OR REPLACE FUNCTION projections.searchable(doc jsonb) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    said text := doc #>> '{{content,text}}';
    lang text := doc #>> '{{content,lang}}';
    original text := doc #>> '{{content,original,text}}';
    original_lang text := doc #>> '{{content,original,lang}}';
    bytes integer := octet_length(concat(said, original));
    is_ascii boolean := bytes = length(concat(said, original));
BEGIN
    -- A block that catches costs a subtransaction, so only texts that may be too long get one. NFKC
    -- makes up to 11 bytes of one, except of ASCII.
    IF bytes < 180 OR (is_ascii AND bytes < 2000) THEN
        IF original IS NULL THEN
            RETURN coalesce(projections.vector(said, lang), ''::tsvector);
        END IF;
        RETURN coalesce(projections.vector(said, lang), ''::tsvector)
            || coalesce(projections.vector(original, original_lang), ''::tsvector);
    END IF;
    BEGIN
        RETURN coalesce(projections.vector(said, lang), ''::tsvector)
            || coalesce(projections.vector(original, original_lang), ''::tsvector);
    EXCEPTION WHEN program_limit_exceeded THEN
        -- A vector holds 1 MiB, a word 2 KiB. The fold must not stop: such a text is found by the
        -- words of its beginning, unstemmed, of which those that are too long are left out.
        RETURN coalesce(projections.vector(left(said, 10000), NULL), ''::tsvector)
            || coalesce(projections.vector(left(original, 10000), NULL), ''::tsvector);
    END;
END $$;

CREATE FUNCTION projections.search_term(typed text) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
-- A typed word or phrase, normalized, as `vector` writes it in each language.
DECLARE
    spellings text[] := ARRAY[btrim(projections.ngrams(projections.spaced(typed)))];
    spelling text;
    code text;
    suffix text := '';
    term tsquery;
BEGIN
    -- The first and the last character of a run are words of their own (`ngrams`), but not within
    -- a longer run: of typed ab, only the word ab is searched; of typed a, all words a*.
    spelling := regexp_replace(spellings[1], '^[{NO_BLANKS}] ', '');
    IF spelling ~ '^[{NO_BLANKS}]$' THEN
        suffix := ':*';
    ELSE
        spelling := regexp_replace(spelling, ' [{NO_BLANKS}]$', '');
    END IF;
    spellings := ARRAY[projections.unaccented(spelling), spelling];
    term := (phraseto_tsquery('simple'::regconfig, spellings[1])::text || suffix)::tsquery;
    IF numnode(term) = 0 THEN
        RETURN term;
    END IF;
    IF spellings[1] = spellings[2] THEN
        spellings := ARRAY[spellings[1]];
    END IF;
    FOREACH code IN ARRAY projections.stemmers() LOOP
        FOREACH spelling IN ARRAY spellings LOOP
            spelling := projections.unaccented(
                phraseto_tsquery(projections.configuration(code), spelling)::text
            );
            spelling := replace(' ' || spelling, ' ''', ' ''' || code || '/');
            term := term || (spelling || suffix)::tsquery;
        END LOOP;
    END LOOP;
    RETURN term;
END $$;

CREATE FUNCTION projections.search_query(typed text) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- A search as people type it, in the syntax of websearch_to_tsquery.
DECLARE
    alternatives tsquery := ''::tsquery;
    conjunction tsquery := ''::tsquery;
    is_alternative boolean := false;
    token text[];
    term tsquery;
BEGIN
    typed := translate(projections.normalized(typed), {quoted(QUOTES)}, repeat('"', {len(QUOTES)}));
    FOR token IN SELECT regexp_matches(typed, '(-?)(?:"([^"]*)"?|([^\\s"]+))', 'g') LOOP
        IF token[3] = 'or' AND token[1] = '' AND conjunction <> ''::tsquery AND NOT is_alternative
        THEN
            is_alternative := true;
            CONTINUE;
        END IF;
        term := projections.search_term(coalesce(token[2], token[3]));
        IF numnode(term) = 0 THEN
            CONTINUE;
        END IF;
        IF token[1] = '-' THEN
            term := !!term;
        END IF;
        IF is_alternative THEN
            alternatives := alternatives || conjunction;
            conjunction := term;
            is_alternative := false;
        ELSE
            conjunction := conjunction && term;
        END IF;
    END LOOP;
    IF is_alternative THEN  -- nothing follows the last "or", so it is a word
        conjunction := conjunction && projections.search_term('or');
    END IF;
    RETURN alternatives || conjunction;
END $$;

CREATE FUNCTION projections.containing(typed text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- The LIKE pattern of folded texts that contain what was typed; NULL where nothing is left of it.
SELECT '%'
    || regexp_replace(nullif(projections.folded(typed), ''), '([\\\\%_])', '\\\\\\1', 'g')
    || '%'
$$;
"""

NAMES = "".join(
    f"""
ALTER TABLE projections.{table}
    ADD COLUMN folded text GENERATED ALWAYS AS (projections.folded(spellings)) STORED;
DROP INDEX projections.{table}_spellings;
CREATE INDEX {table}_folded ON projections.{table} USING gin (folded public.gin_trgm_ops);
"""
    for table in ("actors", "topics")
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute("CREATE EXTENSION IF NOT EXISTS unaccent SCHEMA public")
    for statements in (FOLDING, SEARCHING, NAMES):
        op.execute(statements)
    op.execute("RESET ROLE")
