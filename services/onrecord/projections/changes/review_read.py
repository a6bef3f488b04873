"""What on record asks to be looked at again?

Each kind is a query over what statements and positions say, a value at one K: it looks at a number
of candidates, found by an index, and gives those that are so at K. Nothing is stored of a finding,
so a further event is all that resolves it. Run by the read door.
"""

from typing import Final, Literal

from onrecord.domain.stances import SCALE
from onrecord.projections import actors, clock, positions, statements
from onrecord.projections.changes import fold
from onrecord.projections.changes.timeline import in_line
from onrecord.projections.clock import TIME_OF
from onrecord.projections.engine.snapshot import believed, read
from onrecord.projections.engine.versions import NEVER

Finding = Literal["contradiction", "unsupported", "same_words"]

LOOKED_AT: Final[dict[Finding, int]] = {
    "contradiction": 2_000,
    "unsupported": 2_000,
    "same_words": 50_000,
}
"""Candidates that one query looks at, so that it ends soon however rare findings are."""

_SIDE: Final = (
    "CASE {0} "
    + " ".join(f"WHEN '{stance}' THEN sign({place})" for stance, place in SCALE.items())
    + " END"
)
"""On which side of the scale a stance lies; null off it."""

_ROOT_OF: Final = """
    WITH RECURSIVE up (id) AS (
        SELECT {0}
        UNION ALL
        SELECT m.into_actor FROM up JOIN projections.merges m USING (id) WHERE {1}
    )
    SELECT id FROM up WHERE NOT EXISTS
        (SELECT FROM projections.merges m WHERE m.id = up.id AND {1})"""


def _root(name: str) -> str:
    return f"({_ROOT_OF.format(name, believed('m', 'actors'))})"


_FOUND: Final = f"""
    SELECT known.k, {TIME_OF} AS known_at, (SELECT count(*) FROM page) AS looked_at,
        CAST({{last}} AS text) AS last, found.*
    FROM known LEFT JOIN found ON true ORDER BY {{order}}"""

CONTRADICTION: Final = read(
    (statements.NAME, fold.NAME, actors.NAME, clock.NAME),
    f"""
    page AS (
        SELECT s.* FROM known, projections.statements s
        WHERE {believed("s", "statements")} AND s.doc ? 'stances' AND NOT s.doc ? 'embedded_in'
            AND s.made_seq < CAST(:after AS bigint)
        ORDER BY s.made_seq DESC LIMIT CAST(:looking AS bigint)
    ),
    reading AS (
        SELECT DISTINCT page.id, page.made_seq, page.said_from, page.said_until,
            r ->> 'topic' AS topic, r ->> 'stance' AS stance, {_root("p ->> 'actor'")} AS actor
        FROM known, page, jsonb_array_elements(doc -> 'speakers') p,
            jsonb_array_elements(doc -> 'stances') r
    ),
    found AS (
        SELECT r.made_seq, CAST(r.made_seq AS text) AS place, r.id AS statement, c.id AS position,
            r.actor, r.topic, r.stance AS said, c.stance AS held, NULL::uuid AS other
        FROM known, reading r, LATERAL (
            SELECT c.id, c.stance FROM projections.changes c
            WHERE {believed("c", "changes")} AND {in_line("c", "r.actor", "r.topic")}
                AND c.valid_from <= r.said_until
            ORDER BY c.valid_from DESC, c.ord DESC, c.made_seq DESC LIMIT 1
        ) c
        WHERE {_SIDE.format("r.stance")} <> {_SIDE.format("c.stance")}
            AND NOT EXISTS (SELECT FROM projections.changes o
                WHERE {believed("o", "changes")} AND {in_line("o", "r.actor", "r.topic")}
                    AND o.valid_from <= r.said_until AND o.valid_from >= coalesce((
                        SELECT f.valid_from FROM projections.changes f
                        WHERE {believed("f", "changes")} AND {in_line("f", "r.actor", "r.topic")}
                            AND f.valid_from <= r.said_from
                        ORDER BY f.valid_from DESC LIMIT 1), '-infinity')
                    AND {_SIDE.format("r.stance")} = {_SIDE.format("o.stance")})
    )
    {_FOUND.format(last="(SELECT min(made_seq) FROM page)", order="made_seq DESC, actor, topic")}
    """,
)
"""First-hand statements read as another side of the scale (for it, against it, neutral) than the
position held when they were said: on whatever day of a month or year that was.
"""

_STANDS: Final = f"""
    SELECT FROM projections.statements b WHERE b.id = {{0}} AND {believed("b", "statements")}
        AND NOT b.doc ? 'embedded_in'"""

UNSUPPORTED: Final = read(
    (statements.NAME, positions.NAME, fold.NAME, clock.NAME),
    f"""
    page AS (
        SELECT s.id, s.made_seq FROM known, projections.statements s
        WHERE s.generation = known.statements AND s.open_seq < known.k
            AND (s.close_type = 'statement.retracted' OR s.doc ? 'embedded_in')
            AND (s.close_seq >= known.k OR s.close_type = 'statement.retracted')
            AND s.made_seq < CAST(:after AS bigint)
        ORDER BY s.made_seq DESC LIMIT CAST(:looking AS bigint)
    ),
    found AS (
        SELECT DISTINCT page.made_seq, CAST(page.made_seq AS text) AS place,
            page.id AS statement, p.id AS position, c.actor, p.topic, NULL AS said,
            p.stance AS held, NULL::uuid AS other
        FROM known, page
        JOIN projections.steps p ON p.basis @> ARRAY[page.id]
        JOIN projections.changes c ON c.id = p.id
        WHERE {believed("p", "positions")} AND {believed("c", "changes")}
            AND NOT EXISTS (SELECT FROM unnest(p.basis) rests_on (id)
                WHERE EXISTS ({_STANDS.format("rests_on.id")}))
            AND page.made_seq = (SELECT max(b.made_seq) FROM projections.statements b
                WHERE b.generation = known.statements AND b.id = ANY (p.basis))
    )
    {_FOUND.format(last="(SELECT min(made_seq) FROM page)", order="made_seq DESC, position")}
    """,
)
"""Positions of whose basis no statement is left that is not somebody else's account."""

SAME_WORDS: Final = read(
    (statements.NAME, clock.NAME),
    f"""
    page AS (
        SELECT s.id, s.words FROM known, projections.statements s
        WHERE {believed("s", "statements")} AND s.words > :after
        ORDER BY s.words LIMIT CAST(:looking AS bigint)
    ),
    reach AS (
        SELECT CASE WHEN count(*) < CAST(:looking AS bigint) THEN max(words)
            ELSE coalesce(max(words) FILTER (WHERE words < (SELECT max(words) FROM page)),
                max(words)) END AS words FROM page
    ),
    twin AS (
        SELECT s.id, s.words, s.made_seq, s.doc -> 'same_utterance_as' AS same, e.url
        FROM known, reach, projections.statements s, LATERAL (
            SELECT DISTINCT e ->> 'url' AS url FROM jsonb_array_elements(s.doc -> 'evidence') e
            WHERE e ? 'url') e
        WHERE {believed("s", "statements")} AND s.words IN (
            SELECT page.words FROM page WHERE page.words <= reach.words
            GROUP BY page.words
            HAVING count(*) > 1 OR count(*) = CAST(:looking AS bigint))
    ),
    beside AS (
        SELECT twin.*, first_value(id) OVER first AS other, first_value(same) OVER first AS too
        FROM twin WINDOW first AS (PARTITION BY words, url ORDER BY made_seq)
    ),
    found AS (
        SELECT DISTINCT ON (words, made_seq) made_seq, words AS place, id AS statement,
            NULL::uuid AS position, NULL AS actor, NULL AS topic, NULL AS said, NULL AS held, other
        FROM beside
        WHERE other <> id AND NOT coalesce(same ? CAST(other AS text), false)
            AND NOT coalesce(too ? CAST(id AS text), false)
        ORDER BY words, made_seq, other
    )
    {_FOUND.format(last="(SELECT words FROM reach)", order="place, made_seq")}
    """,
)
"""Statements with the very words and the address of an earlier one, where neither calls the other
the same utterance. In the order of a hash of the words; `reach`: words that the page cuts wait.
"""

QUERIES: Final = {
    "contradiction": CONTRADICTION,
    "unsupported": UNSUPPORTED,
    "same_words": SAME_WORDS,
}

START: Final[dict[Finding, str]] = {
    "contradiction": str(NEVER),
    "unsupported": str(NEVER),
    "same_words": "",
}
"""`:after`, where a kind begins."""

PLACES: Final[dict[Finding, str]] = {
    "contradiction": "[0-9]{0,18}",
    "unsupported": "[0-9]{0,18}",
    "same_words": "([0-9a-f]{32})?",
}
"""What `:after` can be, as a regular expression; empty: from the start."""
