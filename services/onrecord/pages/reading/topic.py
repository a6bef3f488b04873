"""The page of a topic: its proposition, who stands where on it, and what changed in the record."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.references import TopicRef
from onrecord.pages.frame.clocks import clocks_of
from onrecord.pages.frame.rendering import render
from onrecord.pages.reading.since import Since, compare_lists, size_of
from onrecord.query.params import AtSize, PagedAsOf
from onrecord.query.position_routes import list_topic_positions
from onrecord.query.read_context import ReadResourcesDep
from onrecord.query.registry_routes import read_topic

router = APIRouter(include_in_schema=False)


class TopicParams(PagedAsOf, Since):
    """Parameters of the list of positions, and the earlier state to compare with."""


@router.get("/topics/{topic}")
async def show_topic(
    request: Request,
    resources: ReadResourcesDep,
    topic: TopicRef,
    params: Annotated[TopicParams, Query()],
) -> Response:
    """One sentence an actor, in the order of their ids."""
    page = await list_topic_positions(request, resources, topic, params)
    known = page.about["known"]
    at = AtSize(known_size=known.size)
    subject, since_size = await asyncio.gather(
        read_topic(request, resources, topic, at), size_of(request, resources, params)
    )
    broader = (
        await read_topic(request, resources, subject["broader"], at) if subject["broader"] else None
    )
    comparison = None
    if since_size is not None:
        comparison = await compare_lists(
            lambda wanted: list_topic_positions(request, resources, topic, wanted),
            since_size,
            known.size,
            page.about["as_of"],
        )
    return render(
        request,
        "topic.html",
        topic=subject,
        broader=broader,
        positions=page.items,
        cursor=page.cursor,
        comparison=comparison,
        clocks=clocks_of(request, known),
    )
