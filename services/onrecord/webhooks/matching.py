"""Which events does an endpoint want?

One predicate, `PASSES`, says it to all who ask: the fan-out (some events, every endpoint), and the
feed, the dry run, a replay and who resumes (one endpoint, from a place on). An endpoint wants what
passes each filter that it has; a filter passes what has one of its names. An actor who is merged
with another by the time of an event is meant by that one's name too, and the other way round.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import TextClause, text

from onrecord.domain.events import PositionChanged
from onrecord.ledger.read import seqs
from onrecord.projections.changes.change_of import ever_meant, kind, meant

CHANGED: Final = PositionChanged.type
"""The one type of event that has a kind of change."""
FILTERS: Final = {"actors": "actor", "topics": "topic", "kinds": "kind", "types": "type"}
"""An endpoint's filters, the narrowest first, and what each of their names is."""


@dataclass(frozen=True)
class Filter:
    """What an endpoint wants. An empty part wants everything."""

    types: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Filter":
        """The filter in a row of `endpoints`."""
        return cls(**{name: tuple(row[name]) for name in FILTERS})

    @property
    def params(self) -> dict[str, list[str]]:
        """As the queries here take it. Whoever wants kinds of change wants changes."""
        types = self.types or ((CHANGED,) if self.kinds else ())
        return {**{name: list(getattr(self, name)) for name in FILTERS}, "types": list(types)}

    @property
    def given(self) -> frozenset[str]:
        """The parts of `params` that are not empty."""
        return frozenset(name for name, names in self.params.items() if names)

    @property
    def interests(self) -> list[tuple[str, str]]:
        """Where the fan-out finds it: by each name of its narrowest part."""
        for name, by in FILTERS.items():
            if names := getattr(self, name):
                return [(by, one) for one in names]
        return [("any", "")]


def events(which: str) -> str:
    """The CTE `events`: what is matched of the entries that pass `which`, SQL over `e`."""
    return f"""
    events AS MATERIALIZED (
        SELECT e.seq, e.id, said ->> 'type' AS type,
            CAST(said ->> 'recorded_at' AS timestamptz) AS recorded_at,
            {meant("SELECT jsonb_array_elements_text(said #> '{touches,actors}')", "e.seq")}
                AS actors,
            ARRAY(SELECT jsonb_array_elements_text(said #> '{{touches,topics}}')) AS topics,
            CASE WHEN said ->> 'type' = '{CHANGED}'
                THEN {kind("e.seq", "e.id")} END AS kind
        FROM ledger.entries e
        CROSS JOIN LATERAL (SELECT convert_from(e.entry, 'UTF8')::jsonb AS said OFFSET 0) parsed
        WHERE {which}
    )"""


PASSES: Final = """
    (p.types = '{}' OR v.type = ANY (p.types)) AND (p.actors = '{}' OR p.actors && v.actors)
    AND (p.topics = '{}' OR p.topics && v.topics) AND (p.kinds = '{}' OR v.kind = ANY (p.kinds))
"""
"""Does the event `v` pass the filters of `p`?"""

FOR_ALL: Final = f"""
    {events("e.seq >= CAST(:start AS bigint) AND e.seq < CAST(:end AS bigint)")},
    found AS (
        SELECT DISTINCT v.seq, v.id, p.id AS endpoint
        FROM events v CROSS JOIN LATERAL (
            SELECT 'actor' AS by, unnest(v.actors) AS name
            UNION ALL SELECT 'topic', unnest(v.topics)
            UNION ALL SELECT 'kind', v.kind
            UNION ALL SELECT 'type', v.type
            UNION ALL SELECT 'any', ''
        ) f
        JOIN webhooks.interests i ON i.by = f.by AND i.name = f.name
        JOIN webhooks.endpoints p ON p.id = i.endpoint
        WHERE p.from_seq IS NULL AND p.deleted_at IS NULL AND v.seq >= p.size AND {PASSES}
    )"""
"""CTEs that end in `found`: for which endpoints are the events from `:start` up to `:end`?
Endpoints come from the index of their narrowest filter: none is looked at for another's event.
"""


@cache
def for_one(given: frozenset[str]) -> str:
    """CTEs that end in `found`: of the next events from `:start` up to `:end`, those that pass a
    filter with these parts (`Filter.given`), each a parameter of its name; and in `onward`, whose
    `next` is where to look on. At most `:limit` are found; fewer does not mean: no more.
    """
    of = kind("f.seq", "(SELECT id FROM ledger.entries WHERE seq = f.seq)")
    also = f"{of} = ANY (CAST(:kinds AS text[]))" if "kinds" in given else "true"
    whoever = {"actors": ever_meant("SELECT unnest(CAST(:actors AS text[]))")}
    near = (
        "e.seq IN (SELECT seq FROM near)"
        " AND e.seq < (SELECT coalesce(next, CAST(:end AS bigint)) FROM onward)"
    )
    arrays = ", ".join(f"CAST(:{name} AS text[]) AS {name}" for name in FILTERS)
    return f"""
    p AS (SELECT {arrays}),
    near AS MATERIALIZED ({seqs(given - {"kinds"}, also, whoever)}),
    onward AS MATERIALIZED (
        SELECT (SELECT seq FROM near WHERE seq < CAST(:end AS bigint)
            ORDER BY seq OFFSET CAST(:limit AS bigint) LIMIT 1) AS next
    ),
    {events(near)},
    found AS (SELECT v.seq, v.id FROM events v, p WHERE {PASSES} ORDER BY v.seq)"""


@cache
def matched(given: frozenset[str]) -> TextClause:
    """Seq and id of what `for_one` finds, and `next`; at least one row comes back."""
    return text(
        f"WITH {for_one(given)}"
        " SELECT seq, id, next FROM onward LEFT JOIN found ON true ORDER BY seq"
    )


@cache
def counted(given: frozenset[str]) -> TextClause:
    """How many of the next `:limit` they are, and `next`. Only who an actor was then is not told by
    the ledger's index: without such a filter no entry is read.
    """
    near = "near WHERE seq < coalesce(next, CAST(:end AS bigint))"
    which = "found" if "actors" in given else near
    return text(
        f"WITH {for_one(given)} SELECT (SELECT count(*) FROM {which}) AS events, next FROM onward"
    )
