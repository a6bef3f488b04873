"""Statements with a word in every section, and the places of a database where it may be left.

Searched as text are the tables of all schemas, so also `pg_statistic`, which keeps samples for the
planner, what other sessions run, and the views for dashboards.
"""

import secrets
from typing import Any, Final

import psycopg
from psycopg import sql

from tests.support import bodies

SECTIONS: Final = ("content", "evidence", "venue", "roles", "note", "reason")

_PLACES: Final = """
SELECT relation.relnamespace::regnamespace::text, relation.relname FROM pg_class relation
WHERE relation.relkind IN ('r', 'm')
    OR (relation.relkind = 'v' AND relation.relnamespace = 'reporting'::regnamespace)
    OR relation.oid = 'pg_stat_activity'::regclass
"""


def random_word() -> str:
    """A word that is nowhere else, and that no stemmer shortens."""
    return "".join(secrets.choice("bcdfghjkmnpqrtvwxz") for _ in range(14))


def planted_statement(word: str, *, actor: str = "emma", **over: Any) -> dict[str, Any]:
    """A statement with the word in every field that can be erased, but its digests."""
    original = {"text": f"Wir meinen {word}.", "lang": "de"}
    source = bodies.evidence(
        url=f"https://news.example/{word}",
        archive_url=f"https://archive.example/{word}",
        reference=f"{word}, p. 4",
        outlet=word,
        title=f"All of {word}",
        selector={"exact": word, "prefix": f"{word} ", "suffix": f" {word}"},
        chain=[{"by": f"{word} agency", "relation": "quoted"}],
    )
    return bodies.statement(
        speakers=[{"actor": actor, "role": f"{word} minister"}],
        venue=f"{word} hall",
        content=bodies.content(text=f"We mean {word}.", original=original),
        evidence=[source],
        note=f"{word} is meant",
        **over,
    )


def places_of(url: str, word: str) -> set[str]:
    """The tables and views with a row that holds the word, as text or in bytes.

    `url`: of a superuser.
    """
    needles = [f"%{word}%", f"%{word.encode().hex()}%"]
    with psycopg.connect(url) as conn:
        return {
            f"{schema}.{name}"
            for schema, name in conn.execute(_PLACES).fetchall()
            if conn.execute(
                sql.SQL("SELECT 1 FROM {} AS t WHERE t::text ILIKE ANY (%s) LIMIT 1").format(
                    sql.Identifier(schema, name)
                ),
                [needles],
            ).fetchone()
        }
