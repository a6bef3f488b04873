"""Stemmers: a text search configuration for each language that PostgreSQL 15 can stem.

They know no stop words, so that `no war` is not the same as `war`.
"""

from typing import Final

from alembic import op

revision = "stemmers"
down_revision = "statistics"

STEMMERS: Final = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
"""Primary language tags, and PostgreSQL's name of the stemmer."""

CONFIGURATIONS = "".join(
    f"""
CREATE TEXT SEARCH DICTIONARY projections.{code} (TEMPLATE = snowball, Language = {stemmer});
CREATE TEXT SEARCH CONFIGURATION projections.{code} (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION projections.{code}
    ALTER MAPPING FOR asciiword, word WITH projections.{code};
"""
    for code, stemmer in STEMMERS.items()
)

FUNCTIONS = f"""
CREATE FUNCTION projections.stemmers() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
-- The names of the text search configurations.
SELECT '{{{",".join(STEMMERS)}}}'::text[]
$$;

CREATE FUNCTION projections.stemmer(lang text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- The name of the text search configuration for a BCP 47 tag.
DECLARE
    code text := split_part(lower(lang), '-', 1);
BEGIN
    RETURN CASE WHEN code IN ('nb', 'nn') THEN 'no' ELSE code END;
END $$;

CREATE FUNCTION projections.configuration(stemmer text) RETURNS regconfig
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- The text search configuration of a name; NULL where there is none. To cast the name takes longer.
BEGIN
    RETURN CASE stemmer
        {" ".join(f"WHEN '{code}' THEN 'projections.{code}'::regconfig" for code in STEMMERS)}
    END;
END $$;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(CONFIGURATIONS)
    op.execute(FUNCTIONS)
    op.execute("RESET ROLE")
