"""Problems for filters by actors and topics that are not on record.

Used by the routes of lists, with the first row of a page: the query of the list finds the names
that are unknown in its snapshot.
"""

from typing import Final

from onrecord.domain.ids import EntityKind, unknown_name_message
from onrecord.kit.http.problems import unknown_in_filters
from onrecord.kit.sql.db import Row, fetch_all
from onrecord.projections.queries import NEAREST_SLUGS
from onrecord.query.read_context import ReadContext

MAX_SUGGESTIONS: Final = 10
"""Unknown names for which the nearest ones on record are looked up."""


async def require_known_names(context: ReadContext, row: Row) -> None:
    """Raise a 422 `Problem` if the filters name an actor or a topic that is not on record."""
    unknown: list[tuple[EntityKind, str]] = [
        *(("actor", slug) for slug in row.get("unknown_actors", ())),
        *(("topic", slug) for slug in row.get("unknown_topics", ())),
    ]
    if unknown:
        faults = [
            (kind, await _message(context, row["known_size"], kind, slug))
            if n < MAX_SUGGESTIONS
            else (kind, unknown_name_message(kind, slug))
            for n, (kind, slug) in enumerate(unknown)
        ]
        raise unknown_in_filters(faults)


async def _message(context: ReadContext, size: int, kind: EntityKind, slug: str) -> str:
    rows = await fetch_all(context.pool, NEAREST_SLUGS, {"kind": kind, "slug": slug})
    nearest = [row["slug"] for row in rows]
    if slug in nearest:
        return f"{kind} {slug!r} came on record after size {size}; repeat with min_size"
    return unknown_name_message(kind, slug, nearest)
