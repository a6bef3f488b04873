"""The page of an actor on a topic: the position, the timeline, and what was known of it when."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.references import ActorRef, TopicRef
from onrecord.pages.chart import timeline_chart
from onrecord.pages.clocks import clocks_of
from onrecord.pages.rendering import render
from onrecord.query.params import AsOf, Paged
from onrecord.query.position_routes import get_history, get_timeline, read_position
from onrecord.query.read_context import ReadResourcesDep, as_of_instant

router = APIRouter(include_in_schema=False)
_MAX_STEPS = 500


@router.get("/actors/{actor}/topics/{topic}")
async def show_timeline(
    request: Request,
    resources: ReadResourcesDep,
    actor: ActorRef,
    topic: TopicRef,
    params: Annotated[AsOf, Query()],
) -> Response:
    """The sentence to cite, the chart, its table, and the versions of the record."""
    position, _ = await read_position(request, resources, actor, topic, params)
    at = Paged(known_size=position.known.size, limit=_MAX_STEPS)
    timeline = await get_timeline(request, resources, position.actor, topic, at)
    history = await get_history(request, resources, position.actor, topic, at)
    _, instant = as_of_instant(params.as_of)
    return render(
        request,
        "timeline.html",
        position=position,
        steps=timeline.items,
        more_steps=timeline.cursor is not None,
        versions=history.items,
        more_versions=history.cursor is not None,
        chart=timeline_chart(timeline.items, instant),
        clocks=clocks_of(request, position.known),
    )
