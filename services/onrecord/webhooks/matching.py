"""Filters of endpoints, and the search for the events that pass one.

An event passes if it passes each filter that the endpoint has, and a filter if it has one of the
filter's names. An actor stands for every actor that it was merged with by the time of the event.
`fan_out` applies the same rules to some events and all endpoints at once; `MATCHED` serves the
feed, the dry run, replays and endpoints that are behind. `tests/integration/test_matching.py`
compares both with the rules written down in Python.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text

from onrecord.domain.event_types import CHANGE_TYPE, NEWEST_CLASSES

EVENT_TYPES: Final = tuple(NEWEST_CLASSES)
# An endpoint's filters, the narrowest first, and what their names are (`interests.by`).
FILTERS: Final = {"actors": "actor", "topics": "topic", "kinds": "kind", "types": "type"}

MAX_ENTRIES: Final = 10_000  # that one search looks at; it takes a tenth of a second


@dataclass(frozen=True)
class Filter:
    """The events that an endpoint wants. An empty part lets everything through."""

    types: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Filter":
        """The filter in a row of `endpoints`."""
        return cls(**{part: tuple(row[part]) for part in FILTERS})

    @property
    def interests(self) -> list[tuple[str, str]]:
        """Rows of `interests`: each name of the narrowest part."""
        for part, by in FILTERS.items():
            if names := getattr(self, part):
                return [(by, name) for name in names]
        return [("any", "")]

    @property
    def search(self) -> dict[str, Any]:
        """Parameters of `MATCHED`: the narrowest part that `ledger.touches` indexes, and the rest.

        A filter by kind lets only changes of position through, so it is searched by their type.
        """
        types = self.types or ((CHANGE_TYPE,) if self.kinds else ())
        parts = {"actor": self.actors, "topic": self.topics, "type": types}
        by = next((by for by, names in parts.items() if names), "any")
        return {
            "by": by,
            "names": list(parts.get(by, ())),
            "topics": [] if by == "topic" else list(self.topics),
            "types": [] if by == "type" else list(types),
            "kinds": list(self.kinds),
            "max_entries": MAX_ENTRIES,
        }


# From :start up to :end, the seqs of the next events that pass a filter (`Filter.search`), in
# order, :limit at most; and in `next` where the search continues, null at the end. So fewer seqs
# than :limit do not mean that there are no more.
#
# Each name's index entries are read in order, and the other filters looked up for each. These are
# scalar subqueries, because an EXISTS can become a join or a hash that reads all entries of a
# common name. Of each name its `share` of :max_entries is looked at, so that the statement ends
# soon however few pass; `horizon` is the first entry that was not, of the names of which not enough
# pass. For an actor, the names it was ever merged with give candidates too; whether a merge held at
# the event is checked last.
MATCHED: Final = text("""
WITH RECURSIVE names (name) AS (
    SELECT unnest(CAST(:names AS text[]))
    UNION
    SELECT merged.id FROM names CROSS JOIN LATERAL (
        SELECT m.into_actor AS id FROM projections.merges m
        WHERE m.id = names.name AND m.generation =
            (SELECT generation FROM projections.checkpoints WHERE live AND name = 'actors')
        UNION ALL
        SELECT m.id FROM projections.merges m
        WHERE m.into_actor = names.name AND m.generation =
            (SELECT generation FROM projections.checkpoints WHERE live AND name = 'actors')
    ) merged
    WHERE CAST(:by AS text) = 'actor'
), share AS MATERIALIZED (
    SELECT greatest(1, CAST(:max_entries AS bigint) / nullif(count(*), 0)) AS entries FROM names
), passing AS MATERIALIZED (
    SELECT names.name, ARRAY(
        SELECT t.seq FROM (
            SELECT seq FROM ledger.touches
            WHERE kind = CAST(:by AS text) AND name = names.name
                AND seq >= CAST(:start AS bigint) AND seq < CAST(:end AS bigint)
            ORDER BY seq LIMIT (SELECT entries FROM share)
        ) t
        WHERE (CAST(:topics AS text[]) = '{}' OR (
                SELECT true FROM unnest(CAST(:topics AS text[])) topic CROSS JOIN LATERAL (
                    SELECT FROM ledger.touches
                    WHERE kind = 'topic' AND name = topic AND seq = t.seq LIMIT 1) touch LIMIT 1))
            AND (CAST(:types AS text[]) = '{}' OR (
                SELECT true FROM unnest(CAST(:types AS text[])) type CROSS JOIN LATERAL (
                    SELECT FROM ledger.touches
                    WHERE kind = 'type' AND name = type AND seq = t.seq LIMIT 1) touch LIMIT 1))
            AND (CAST(:kinds AS text[]) = '{}' OR (
                SELECT c.kind FROM projections.changes c
                WHERE c.id = (SELECT id FROM ledger.entries WHERE seq = t.seq)
                    AND c.open_seq = t.seq AND c.generation = (SELECT generation
                        FROM projections.checkpoints WHERE live AND name = 'changes')
                ) = ANY (CAST(:kinds AS text[])))
        ORDER BY t.seq LIMIT CAST(:limit AS bigint) + 1
    ) AS seqs
    FROM names
), horizon AS MATERIALIZED (
    SELECT coalesce(min(CASE WHEN cardinality(passing.seqs) <= CAST(:limit AS bigint) THEN (
        SELECT seq FROM ledger.touches
        WHERE kind = CAST(:by AS text) AND name = passing.name
            AND seq >= CAST(:start AS bigint) AND seq < CAST(:end AS bigint)
        ORDER BY seq LIMIT 1 OFFSET (SELECT entries FROM share)
    ) END), CAST(:end AS bigint)) AS seq
    FROM passing
), candidates AS MATERIALIZED (
    SELECT page.seq, array_agg(passing.name) AS touched
    FROM passing CROSS JOIN LATERAL unnest(passing.seqs) page (seq)
    WHERE page.seq < (SELECT seq FROM horizon)
    GROUP BY page.seq
    UNION ALL
    (SELECT seq, CAST(:names AS text[]) FROM ledger.entries
    WHERE CAST(:by AS text) = 'any' AND seq >= CAST(:start AS bigint) AND seq < CAST(:end AS bigint)
    ORDER BY seq LIMIT CAST(:limit AS bigint) + 1)
    ORDER BY seq LIMIT CAST(:limit AS bigint) + 1
), following AS (
    SELECT coalesce(
        (SELECT seq FROM candidates ORDER BY seq OFFSET CAST(:limit AS bigint)),
        (SELECT seq FROM horizon WHERE seq < CAST(:end AS bigint))
    ) AS next
)
SELECT next, ARRAY(
    SELECT c.seq FROM candidates c
    WHERE c.seq < coalesce(next, CAST(:end AS bigint))
        AND (CAST(:by AS text) <> 'actor' OR c.touched && CAST(:names AS text[]) OR (
            WITH RECURSIVE up (id) AS (
                SELECT unnest(c.touched)
                UNION
                SELECT m.into_actor FROM up JOIN projections.merges m ON m.id = up.id
                    AND m.open_seq <= c.seq AND m.close_seq > c.seq AND m.generation = (SELECT
                        generation FROM projections.checkpoints WHERE live AND name = 'actors')
            ), same (id) AS (
                SELECT id FROM up
                UNION
                SELECT m.id FROM same JOIN projections.merges m ON m.into_actor = same.id
                    AND m.open_seq <= c.seq AND m.close_seq > c.seq AND m.generation = (SELECT
                        generation FROM projections.checkpoints WHERE live AND name = 'actors')
            )
            SELECT true FROM same WHERE id = ANY (CAST(:names AS text[])) LIMIT 1))
    ORDER BY c.seq
) AS seqs
FROM following
""")
