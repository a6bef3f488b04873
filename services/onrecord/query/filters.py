"""Filters by actors and topics: those that are not on record, and actors by their Wikidata id.

Used by the routes of lists. The query of a list finds the names that are unknown in its snapshot;
the first row of a page has them.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from onrecord.domain.ids import EntityKind, unknown_name_message
from onrecord.kit.http.problems import Problem, unknown_in_filters
from onrecord.kit.sql.db import Row, fetch_all
from onrecord.projections import actors
from onrecord.projections.queries import ACTORS_OF_IDENTIFIERS, NEAREST_SLUGS
from onrecord.query.params import WIKIDATA
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
    if not any(ref.startswith(WIKIDATA) for ref in refs):
        return context, list(refs)
    context = await context.settled(actors.NAME)
    by_ref = await _actors_of(context, refs)
    faults = [
        {"parameter": "actor", "message": message}
        for ref, ids in by_ref.items()
        if (message := _identifier_fault(ref, ids))
    ]
    if faults:
        detail = "A filter names something that is not on record, or is not clear."
        raise Problem(422, "unknown-reference", detail, errors=faults)
    return context, list(dict.fromkeys(by_ref[ref][0] if ref in by_ref else ref for ref in refs))


async def resolve_actor(context: ReadContext, ref: str) -> tuple[ReadContext, str]:
    """The id of the actor in a path, as `resolve_actors` does: 404 and 409."""
    if not ref.startswith(WIKIDATA):
        return context, ref
    context = await context.settled(actors.NAME)
    ids = (await _actors_of(context, [ref]))[ref]
    if message := _identifier_fault(ref, ids):
        if not ids:
            raise Problem(404, "unknown-actor", f"{_sentence(message)} at this size.")
        detail = f"{_sentence(message)}."
        raise Problem(409, "ambiguous-actor", detail, about={"candidates": ids})
    return context, ids[0]


async def _actors_of(context: ReadContext, refs: Sequence[str]) -> Mapping[str, list[str]]:
    qids = [ref.removeprefix(WIKIDATA) for ref in refs if ref.startswith(WIKIDATA)]
    found: dict[str, list[str]] = {f"{WIKIDATA}{qid}": [] for qid in qids}
    for row in await context.rows(ACTORS_OF_IDENTIFIERS, qids=qids):
        if row["qid"] is not None:
            found[f"{WIKIDATA}{row['qid']}"].append(row["id"])
    return found


def _sentence(message: str) -> str:
    return message[0].upper() + message[1:]


def _identifier_fault(ref: str, ids: Sequence[str]) -> str | None:
    if not ids:
        return f"no actor with the identifier {ref!r} is on record"
    if len(ids) > 1:
        names = ", ".join(map(repr, ids))
        return f"several actors have the identifier {ref!r}: {names}; name one by its id"
    return None
