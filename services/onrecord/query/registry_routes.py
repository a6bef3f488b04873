"""Routes of the read API about actors, topics and statements.

Each settles the size to read at (`read_context`), runs one SQL statement (a search by `q`: two) and
serializes its rows.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.dates import bounds, last_instant
from onrecord.domain.references import ActorRef, TopicRef
from onrecord.kit.http.problems import responses
from onrecord.kit.lists.list_route import ListRoute
from onrecord.kit.lists.page import Page
from onrecord.kit.sql.db import Row
from onrecord.projections import actors, queries, statements, topics
from onrecord.projections.engine.versions import NEVER
from onrecord.query.answers.schemas import (
    Actor,
    ActorAnswer,
    Listed,
    Topic,
    TopicAnswer,
)
from onrecord.query.answers.serialize import serialize_actor, serialize_statement, serialize_topic
from onrecord.query.answers.statement_schemas import StatementAnswer, StatementOut
from onrecord.query.filters import require_known_names, resolve_actor, resolve_actors
from onrecord.query.params import AtSize, RegistrySearch, StatementSearch
from onrecord.query.read_context import ReadResources, ReadResourcesDep, begin_read
from onrecord.query.responses import NOT_MODIFIED, not_on_record, page_of_rows, with_etag

router = APIRouter(
    prefix="/v1",
    tags=["read API"],
    route_class=ListRoute,
    responses={**NOT_MODIFIED, **responses(404, 409, 422, 503)},
)

_INDEXED: Final = {"actors", "topics", "q"}
"""Filters of statements that an index serves; few statements may pass them."""
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


@router.get("/actors", response_model=Listed[Actor])
async def list_actors(
    request: Request, resources: ReadResourcesDep, params: Annotated[RegistrySearch, Query()]
) -> Page:
    """Actors, by part of any name or identifier on record with `q`, however it is typed."""
    return await _registry(request, resources, params, actors.NAME)


@router.get("/topics", response_model=Listed[Topic])
async def list_topics(
    request: Request, resources: ReadResourcesDep, params: Annotated[RegistrySearch, Query()]
) -> Page:
    """Topics, by part of a label or proposition with `q`, however it is typed."""
    return await _registry(request, resources, params, topics.NAME)


async def _registry(
    request: Request, resources: ReadResources, params: RegistrySearch, table: str
) -> Page:
    context, (after,) = await begin_read(request, resources, params, table, start=("",))
    query = queries.registry_page(table, {"in_order"} if params.q is None else {"q"})
    rows = await context.rows(query, after=after, limit=params.limit + 1, q=params.q)
    return page_of_rows(
        request,
        context,
        rows,
        limit=params.limit,
        serialize=serialize_actor if table == actors.NAME else serialize_topic,
        key=lambda row: [row["id"]],
    )


@router.get("/actors/{actor}", response_model=ActorAnswer)
async def get_actor(
    request: Request,
    resources: ReadResourcesDep,
    actor: ActorRef,
    params: Annotated[AtSize, Query()],
) -> Response:
    """An actor under all its names, by its id or by its Wikidata id: `wikidata:Q...`."""
    return with_etag(request, await read_actor(request, resources, actor, params))


async def read_actor(
    request: Request, resources: ReadResources, actor: str, params: AtSize
) -> dict[str, Any]:
    """The answer of `get_actor`."""
    context, _ = await begin_read(request, resources, params, actors.NAME)
    context, actor = await resolve_actor(context, actor)
    (row,) = await context.rows(queries.registry_row(actors.NAME), id=actor)
    if row["id"] is None:
        raise not_on_record("actor", actor)
    return {**vars(serialize_actor(row)), "known": context.state_of(row)}


@router.get("/topics/{topic}", response_model=TopicAnswer)
async def get_topic(
    request: Request,
    resources: ReadResourcesDep,
    topic: TopicRef,
    params: Annotated[AtSize, Query()],
) -> Response:
    """A topic with its proposition."""
    return with_etag(request, await read_topic(request, resources, topic, params))


async def read_topic(
    request: Request, resources: ReadResources, topic: str, params: AtSize
) -> dict[str, Any]:
    """The answer of `get_topic`."""
    context, _ = await begin_read(request, resources, params, topics.NAME)
    (row,) = await context.rows(queries.registry_row(topics.NAME), id=topic)
    if row["id"] is None:
        raise not_on_record("topic", topic)
    return {**vars(serialize_topic(row)), "known": context.state_of(row)}


@router.get("/statements", response_model=Listed[StatementOut])
async def list_statements(
    request: Request, resources: ReadResourcesDep, params: Annotated[StatementSearch, Query()]
) -> Page:
    """Statements, last said first; `q` searches current words, however they are typed."""
    context, (before, made_seq) = await begin_read(
        request,
        resources,
        params,
        *(statements.NAME, actors.NAME, topics.NAME),
        start=(_LATEST, NEVER),
    )
    context, wanted_actors = await resolve_actors(context, params.actor)
    candidates: dict[str, Any] = {
        "actors": wanted_actors or None,
        "topics": params.topic or None,
        "outlet": params.outlet,
        "q": params.q,
    }
    filters = {name: value for name, value in candidates.items() if value is not None}
    if params.said_from is not None:
        filters["said_from"] = bounds(params.said_from).earliest
    if params.said_to is not None:
        filters["said_to"] = last_instant(params.said_to)
    values = {**filters, "before": before, "made_seq": made_seq, "limit": params.limit + 1}
    rows: Sequence[Row] = ()
    if params.q is not None:
        # A frequent word fills a page soon; to find all its statements by the index takes seconds.
        nearby = queries.statements_page({*filters, "q_nearby", "in_order"} - {"q"})
        rows = await context.rows(nearby, **values)
    if len(rows) <= params.limit:
        in_order = set() if filters.keys() & _INDEXED else {"in_order"}
        rows = await context.rows(queries.statements_page({*filters, *in_order}), **values)
    await require_known_names(context, rows[0])
    return page_of_rows(
        request,
        context,
        rows,
        limit=params.limit,
        serialize=serialize_statement,
        key=lambda row: [row["said_from"], row["made_seq"]],
    )


@router.get("/statements/{id}", response_model=StatementAnswer)
async def get_statement(
    request: Request, resources: ReadResourcesDep, id: UUID, params: Annotated[AtSize, Query()]
) -> Response:
    """A statement in its exact words, with its evidence; a retracted one says so."""
    return with_etag(request, await read_statement(request, resources, id, params))


async def read_statement(
    request: Request, resources: ReadResources, id: UUID, params: AtSize
) -> dict[str, Any]:
    """The answer of `get_statement`."""
    context, _ = await begin_read(
        request, resources, params, statements.NAME, actors.NAME, topics.NAME
    )
    (row,) = await context.rows(queries.STATEMENT, id=id)
    if row["id"] is None:
        raise not_on_record("statement", id)
    return {**serialize_statement(row), "known": context.state_of(row)}
