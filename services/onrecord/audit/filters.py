"""Filters of `GET /v1/events`, and the queries for pages of events.

Used by `routes` and `streams`, whatever form the events are given in. The index of the ledger finds
events by actor, topic and type. The kind of a change is known by the projection of changes, so a
reader that filters by kind stays behind that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import TextClause

from onrecord.domain.events import PositionChanged
from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.kit.sql.sql_files import FilteredQuery, load_query
from onrecord.ledger.read import SIZE
from onrecord.projections.queries import CHANGES_KNOWN_SIZE

CHANGED: Final = PositionChanged.type

EVENT_BY_ID: Final = load_query("audit/queries/event.sql")
_ALL_EVENTS: Final = load_query("audit/queries/events.sql")
_FILTERED_EVENTS: Final = FilteredQuery("audit/queries/filtered_events.sql")

_LEADING: Final = {"actors": "actor", "topics": "topic", "types": "type"}
"""Filters by what entries touch, the most selective first, each with its kind in `touches`."""

MAX_ENTRIES: Final = 10_000
"""Entries of the leading names that a query looks at; it takes a tenth of a second."""


class EventLines(NamedTuple):
    """Events, a line of JSON each."""

    lines: bytes
    next: int | None
    """The next event that passes, where one is known."""
    search_from: int | None
    """Where the search for more goes on; None at the end of the ledger."""


@dataclass(frozen=True)
class Filters:
    """Names to filter by. An event passes a filter that is empty or has one of its names."""

    actors: Sequence[str] = ()
    topics: Sequence[str] = ()
    types: Sequence[str] = ()
    kinds: Sequence[str] = ()

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of `page`, besides `start` and `limit`."""
        given: dict[str, Any] = self._given()
        for name, kind in _LEADING.items():
            if name in given:
                leading = {"lead_kind": kind, "lead_names": given.pop(name)}
                return {**given, **leading, **({"max_entries": MAX_ENTRIES} if given else {})}
        return {}

    @property
    def page(self) -> TextClause:
        """The query for a page of events, with the parameters of `params`, `start` and `limit`."""
        params = self.params
        return _FILTERED_EVENTS.given(params) if params else _ALL_EVENTS

    async def fetch(self, pool: Pool, start: int, limit: int) -> EventLines:
        """At most `limit` events from seq `start` on, found by one short query.

        Where few events pass, they may be fewer, or none, without being the last.
        """
        params = {**self.params, "start": start, "limit": limit}
        (row,) = await fetch_all(pool, self.page, params)
        return EventLines(row["lines"], row["next"], row["next"] or row.get("horizon"))

    async def end(self, pool: Pool) -> int:
        """The size up to which it is known which events pass."""
        query = CHANGES_KNOWN_SIZE if self.kinds else SIZE
        (row,) = await fetch_all(pool, query, {})
        return int(row["size"])

    def _given(self) -> dict[str, list[str]]:
        """The filters that are not empty. Only changes of positions have a kind."""
        types = self.types or ((CHANGED,) if self.kinds else ())
        names = {"actors": self.actors, "topics": self.topics, "types": types, "kinds": self.kinds}
        return {name: list(values) for name, values in names.items() if values}
