"""Names of actors and topics in filters and paths: unknown ones, and actors by Wikidata ids.

Used by the routes of this package. The query of a list finds the names that are unknown in its
snapshot; the first row of a page has them.
"""

from collections.abc import Sequence
from typing import Final

from onrecord.domain.ids import EntityKind, unknown_name_message
from onrecord.domain.references import qid_of
from onrecord.kit.http.problems import Problem, unknown_in_filters
from onrecord.kit.sql.db import Row, fetch_all
from onrecord.projections import actors
from onrecord.projections.identifiers import Resolved, ids_in_filter, resolve_references
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


async def resolve_actors(
    context: ReadContext, refs: Sequence[str]
) -> tuple[ReadContext, list[str]]:
    """The ids of actors that a filter names by id or `wikidata:Q...`, and the context at whose size
    they were found.

    Raises a 422 `Problem` if no actor on record has a Wikidata id, or several have it.
    """
    context, resolved = await _resolve(context, refs)
    return context, ids_in_filter(resolved)


async def resolve_actor(context: ReadContext, ref: str) -> tuple[ReadContext, str]:
    """The id of the actor in a path, as `resolve_actors` does: 404 and 409."""
    context, (actor,) = await _resolve(context, [ref])
    if actor.fault is None:
        return context, actor.ids[0]
    message = actor.fault[0].upper() + actor.fault[1:]
    if not actor.ids:
        raise Problem(404, "unknown-actor", f"{message} at this size.")
    raise Problem(409, "ambiguous-actor", f"{message}.", about={"candidates": actor.ids})


async def _resolve(context: ReadContext, refs: Sequence[str]) -> tuple[ReadContext, list[Resolved]]:
    if any(map(qid_of, refs)):  # then the answer takes another query, at the same size
        context = await context.settled(actors.NAME)
    return context, await resolve_references(context.pool, refs, context.known_size)
