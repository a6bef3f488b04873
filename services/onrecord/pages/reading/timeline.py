"""The page of an actor on a topic: the position, the timeline, and what was known of it when."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.events import PositionCorrected
from onrecord.domain.references import ActorRef, TopicRef
from onrecord.pages.chart import timeline_chart
from onrecord.pages.frame.clocks import clocks_of, page_permalink
from onrecord.pages.frame.rendering import render
from onrecord.pages.knowledge import differences, strip
from onrecord.pages.reading.since import Since, size_of
from onrecord.query.params import AsOf, Paged
from onrecord.query.position_routes import get_history, get_timeline, read_position
from onrecord.query.read_context import ReadResourcesDep, as_of_instant

router = APIRouter(include_in_schema=False)
_MAX_STEPS = 500


class TimelineParams(AsOf, Since):
    """Both clocks, and the earlier state of the record to compare with."""


@router.get("/actors/{actor}/topics/{topic}")
async def show_timeline(
    request: Request,
    resources: ReadResourcesDep,
    actor: ActorRef,
    topic: TopicRef,
    params: Annotated[TimelineParams, Query()],
) -> Response:
    """The sentence to cite, the chart, its table, and the versions of the record."""
    position, _ = await read_position(request, resources, actor, topic, params)
    at = Paged(known_size=position.known.size, limit=_MAX_STEPS)
    timeline, history, since_size = await asyncio.gather(
        get_timeline(request, resources, position.actor, topic, at),
        get_history(request, resources, position.actor, topic, at),
        size_of(request, resources, params),
    )
    _, instant = as_of_instant(params.as_of)
    versions = history.items
    corrections = {
        version.id: version.opened
        for version in versions
        if version.opened.type == PositionCorrected.type
    }
    chart = timeline_chart(
        timeline.items,
        instant,
        replaced=[version for version in versions if version.closed],
        corrected=corrections.keys(),
    )
    known = position.known
    path = f"/actors/{position.actor}/topics/{position.topic}"
    permalink = page_permalink(resources.public_url, path, position.as_of, known.size)
    return render(
        request,
        "timeline.html",
        position=position,
        steps=timeline.items,
        has_more_steps=timeline.cursor is not None,
        versions=versions,
        has_more_versions=history.cursor is not None,
        corrections=corrections,
        chart=chart,
        # without the last versions, it would end too early
        strip=[] if history.cursor else strip(versions, instant, known.at),
        since_size=since_size,
        differences=[] if since_size is None else differences(versions, since_size, known.size),
        permalink=permalink,
        cite=position.cite.replace(position.permalink, permalink),
        clocks=clocks_of(request, known),
    )
