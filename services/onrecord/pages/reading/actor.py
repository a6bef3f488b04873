"""The page of an actor: names, positions by topic, latest statements, changes of the record."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.references import ActorRef
from onrecord.pages.frame.clocks import clocks_of
from onrecord.pages.frame.rendering import render
from onrecord.pages.reading.since import Since, compare_lists, size_of
from onrecord.query.params import AtSize, PagedAsOf, StatementSearch
from onrecord.query.position_routes import list_actor_positions
from onrecord.query.read_context import ReadResourcesDep
from onrecord.query.registry_routes import list_statements, read_actor

router = APIRouter(include_in_schema=False)
LATEST_STATEMENTS: Final = 10


class ActorParams(PagedAsOf, Since):
    """Parameters of the list of positions, and the earlier state to compare with."""


@router.get("/actors/{actor}")
async def show_actor(
    request: Request,
    resources: ReadResourcesDep,
    actor: ActorRef,
    params: Annotated[ActorParams, Query()],
) -> Response:
    """One sentence a topic, in the order of their ids."""
    page = await list_actor_positions(request, resources, actor, params)
    known = page.about["known"]
    latest = StatementSearch(actor=[actor], known_size=known.size, limit=LATEST_STATEMENTS)
    subject, statements, since_size = await asyncio.gather(
        read_actor(request, resources, actor, AtSize(known_size=known.size)),
        list_statements(request, resources, latest),
        size_of(request, resources, params),
    )
    comparison = None
    if since_size is not None:
        comparison = await compare_lists(
            lambda wanted: list_actor_positions(request, resources, actor, wanted),
            since_size,
            known.size,
            page.about["as_of"],
        )
    return render(
        request,
        "actor.html",
        actor=subject,
        positions=page.items,
        cursor=page.cursor,
        statements=statements.items,
        has_more_statements=statements.cursor is not None,
        comparison=comparison,
        clocks=clocks_of(request, known),
    )
