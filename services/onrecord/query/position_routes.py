"""Routes of the read API about positions of an actor, on a topic or both.

Each settles the size to read at (`read_context`), runs one SQL statement (others for `alternatives`
and for `wikidata:Q...`, where there are any) and serializes its rows.
No answer is immutable, so all are `no-cache` with a weak ETag. Routes are matched in their order,
so the most used one comes first.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.references import ActorRef, TopicRef
from onrecord.kit.http.problems import responses
from onrecord.kit.lists.list_route import ListRoute
from onrecord.kit.lists.page import Page
from onrecord.kit.sql.db import Row
from onrecord.projections import actors, positions, queries, statements, topics
from onrecord.projections.changes import fold
from onrecord.query.alternatives import read_alternatives_of_changes, read_bases_of_alternatives
from onrecord.query.answers.position_schemas import PositionOut
from onrecord.query.answers.schemas import Listed, ListedAsOf
from onrecord.query.answers.serialize import serialize_step_version
from onrecord.query.answers.serialize_position import (
    cited_facts,
    serialize_change,
    serialize_listed_position,
    serialize_position,
)
from onrecord.query.answers.step_schemas import ListedPosition, Step, VersionOfStep
from onrecord.query.filters import resolve_actor
from onrecord.query.params import AsOf, Paged, PagedAsOf
from onrecord.query.read_context import (
    ReadResources,
    ReadResourcesDep,
    as_of_instant,
    begin_read,
    instant_as_text,
)
from onrecord.query.responses import NOT_MODIFIED, not_on_record, page_of_rows, with_etag

router = APIRouter(
    prefix="/v1",
    tags=["read API"],
    route_class=ListRoute,
    responses={**NOT_MODIFIED, **responses(404, 409, 422, 503)},
)

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_PROJECTIONS: Final = (positions.NAME, fold.NAME, actors.NAME, topics.NAME, statements.NAME)


@router.get("/actors/{actor}/topics/{topic}/position", response_model=PositionOut)
async def get_position(
    request: Request,
    resources: ReadResourcesDep,
    actor: ActorRef,
    topic: TopicRef,
    params: Annotated[AsOf, Query()],
) -> Response:
    """What an actor held on a topic: now or `as_of`, as known now or then, with the exact words."""
    answer, cited = await read_position(request, resources, actor, topic, params)
    return with_etag(request, vars(answer), cited=cited)


async def read_position(
    request: Request, resources: ReadResources, actor: str, topic: str, params: AsOf
) -> tuple[PositionOut, Sequence[str]]:
    """The answer of `get_position`, and what its sentence cites beyond its other members."""
    as_of, instant = as_of_instant(params.as_of)
    context, _ = await begin_read(request, resources, params, *_PROJECTIONS)
    context, actor = await resolve_actor(context, actor)
    query = {"actor": actor, "topic": topic, "as_of": instant, "known_size": context.known_size}
    row = queries.position_from_row(await resources.positions.fetch_one(query))
    if row["actor_names"] is None:
        raise not_on_record("actor", actor)
    if row["topic_label"] is None:
        raise not_on_record("topic", topic)
    await read_bases_of_alternatives(context, [row])
    answer = serialize_position(
        row,
        topic=topic,
        as_of=as_of,
        instant=instant,
        known=context.state_of(row),
        public_url=resources.public_url,
    )
    return answer, (*cited_facts(row, topic), resources.public_url)


@router.get("/actors/{actor}/topics/{topic}/timeline", response_model=Listed[Step])
async def get_timeline(
    request: Request,
    resources: ReadResourcesDep,
    actor: ActorRef,
    topic: TopicRef,
    params: Annotated[Paged, Query()],
) -> Page:
    """Every step of an actor on a topic, in the order in which they were held."""
    start = (_EARLIEST, -(2**31), -1)
    context, (valid_from, ord_, made_seq) = await begin_read(
        request, resources, params, *_PROJECTIONS, start=start
    )
    context, actor = await resolve_actor(context, actor)
    rows = await context.rows(
        queries.TIMELINE,
        actor=actor,
        topic=topic,
        valid_from=valid_from,
        ord=ord_,
        made_seq=made_seq,
        limit=params.limit + 1,
    )
    _require_pair(rows[0], actor, topic)
    await read_alternatives_of_changes(context, rows)
    return page_of_rows(
        request,
        context,
        rows,
        limit=params.limit,
        serialize=serialize_change,
        key=lambda row: [row["valid_from"], row["ord"], row["made_seq"]],
    )


@router.get("/actors/{actor}/topics/{topic}/history", response_model=Listed[VersionOfStep])
async def get_history(
    request: Request,
    resources: ReadResourcesDep,
    actor: ActorRef,
    topic: TopicRef,
    params: Annotated[Paged, Query()],
) -> Page:
    """Every version of every step, in the order in which the record came to believe it."""
    context, (open_seq,) = await begin_read(request, resources, params, *_PROJECTIONS, start=(-1,))
    context, actor = await resolve_actor(context, actor)
    rows = await context.rows(
        queries.HISTORY,
        actor=actor,
        topic=topic,
        open_seq=open_seq,
        limit=params.limit + 1,
    )
    _require_pair(rows[0], actor, topic)
    return page_of_rows(
        request,
        context,
        rows,
        limit=params.limit,
        serialize=serialize_step_version,
        key=lambda row: [row["open_seq"]],
    )


def _require_pair(row: Row, actor: str, topic: str) -> None:
    if not row["has_actor"]:
        raise not_on_record("actor", actor)
    if not row["has_topic"]:
        raise not_on_record("topic", topic)


@router.get("/actors/{actor}/positions", response_model=ListedAsOf[ListedPosition])
async def list_actor_positions(
    request: Request,
    resources: ReadResourcesDep,
    actor: ActorRef,
    params: Annotated[PagedAsOf, Query()],
) -> Page:
    """What an actor held on every topic, or may have held."""
    return await _list_positions(request, resources, params, "actor", actor)


@router.get("/topics/{topic}/positions", response_model=ListedAsOf[ListedPosition])
async def list_topic_positions(
    request: Request,
    resources: ReadResourcesDep,
    topic: TopicRef,
    params: Annotated[PagedAsOf, Query()],
) -> Page:
    """What every actor held on a topic, or may have held."""
    return await _list_positions(request, resources, params, "topic", topic)


async def _list_positions(
    request: Request, resources: ReadResources, params: PagedAsOf, kind: str, slug: str
) -> Page:
    """A page of all positions of an actor or on a topic, ordered by the slug of the other."""
    other = "topic" if kind == "actor" else "actor"
    _, instant = as_of_instant(params.as_of)
    context, (after, at) = await begin_read(
        request, resources, params, *_PROJECTIONS, start=("", instant)
    )
    if kind == "actor":
        context, slug = await resolve_actor(context, slug)
    rows = await context.rows(
        queries.positions_page(kind),
        **{kind: slug},
        after=after,
        as_of=at,
        limit=params.limit + 1,
    )
    if not rows[0][f"has_{kind}"]:
        raise not_on_record(kind, slug)
    await read_bases_of_alternatives(context, rows)
    return page_of_rows(
        request,
        context,
        rows,
        limit=params.limit,
        present=other,
        as_of=params.as_of or instant_as_text(at),
        serialize=lambda row: serialize_listed_position(row, at),
        key=lambda row: [row[other], at],
    )
