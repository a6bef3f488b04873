"""The page of the search: statements by their words, with facets, and actors and topics by name."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response

from onrecord.pages.frame.clocks import clocks_of
from onrecord.pages.frame.rendering import render
from onrecord.query.params import RegistrySearch, StatementSearch
from onrecord.query.read_context import ReadResources, ReadResourcesDep
from onrecord.query.registry_routes import list_actors, list_statements, list_topics

router = APIRouter(include_in_schema=False)
_NAMES = 5
"""Actors, and topics, whose name fits that the page shows."""


class Facet(NamedTuple):
    """A value of a filter, and how many of the statements shown have it."""

    value: str
    label: str
    statements: int


@router.get("/search")
async def show_search(
    request: Request, resources: ReadResourcesDep, params: Annotated[StatementSearch, Query()]
) -> Response:
    """Statements that match, last said first. Without any filter, the newest ones."""
    page = await list_statements(request, resources, params)
    known = page.about["known"]
    actors, topics = await _names(request, resources, params, known.size)
    return render(
        request,
        "search.html",
        params=params,
        statements=page.items,
        facets=facets_of(page.items),
        actors=actors,
        topics=topics,
        cursor=page.cursor,
        clocks=clocks_of(request, known),
    )


async def _names(
    request: Request, resources: ReadResources, params: StatementSearch, size: int
) -> tuple[Sequence[Any], Sequence[Any]]:
    """Actors and topics whose name has the words, on the first page of a search."""
    if params.q is None or params.cursor is not None:
        return (), ()
    names = RegistrySearch(q=params.q, limit=_NAMES, known_size=size)
    actors, topics = await asyncio.gather(
        list_actors(request, resources, names), list_topics(request, resources, names)
    )
    return actors.items, topics.items


def facets_of(statements: Sequence[Mapping[str, Any]]) -> dict[str, list[Facet]]:
    """Facets by the parameter that narrows the search, most frequent first."""
    actors = (
        (speaker["actor"], label)
        for statement in statements
        for speaker, label in zip(statement["speakers"], statement["speaker_labels"], strict=True)
    )
    topics = (
        name
        for statement in statements
        for name in zip(statement.get("topics", ()), statement["topic_labels"], strict=True)
    )
    outlets = (
        (outlet, outlet)
        for statement in statements
        for outlet in {source["outlet"] for source in statement["evidence"] if source.get("outlet")}
    )
    named = {"actor": actors, "topic": topics, "outlet": outlets}
    return {parameter: facets for parameter, names in named.items() if (facets := _counted(names))}


def _counted(names: Iterable[tuple[str, str]]) -> list[Facet]:
    counts = Counter(names)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][1].casefold()))
    return [Facet(value, label, count) for (value, label), count in ordered]
