"""Routes of the read API about positions of all actors on all topics, and a position by its id.

A page of the grid takes several queries where a filter passes few of the pairs that are looked at.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from onrecord.kit.http import paging
from onrecord.kit.http.problems import responses
from onrecord.kit.lists.list_route import ListRoute
from onrecord.kit.lists.page import Page
from onrecord.projections import actors, positions, queries, statements, topics
from onrecord.projections.changes import fold
from onrecord.query.alternatives import read_bases_of_alternatives
from onrecord.query.answers.record_schemas import PositionRecord
from onrecord.query.answers.schemas import Known, ListedAsOf
from onrecord.query.answers.serialize_position import serialize_listed_position
from onrecord.query.answers.serialize_record import serialize_record
from onrecord.query.answers.step_schemas import ListedPosition
from onrecord.query.filters import require_known_names, resolve_actors
from onrecord.query.params import AtSize, GridSearch
from onrecord.query.read_context import (
    ReadResources,
    ReadResourcesDep,
    as_of_instant,
    begin_read,
    instant_as_text,
)
from onrecord.query.responses import NOT_MODIFIED, not_on_record, page_of, with_etag

router = APIRouter(
    prefix="/v1",
    tags=["read API"],
    route_class=ListRoute,
    responses={**NOT_MODIFIED, **responses(404, 422, 503)},
)

_PROJECTIONS: Final = (positions.NAME, fold.NAME, actors.NAME, topics.NAME, statements.NAME)
MAX_PAIRS: Final = 2_000
"""Pairs that one query looks at, so that it ends soon however few pass a filter."""
SEARCHED_ROWS: Final = 500
"""Rows that a query after the first reads at least: `certainty` is computed here, of each row."""


class GridPlace(NamedTuple):
    """A place in the grid."""

    actor: str
    topic: str


@router.get("/positions", response_model=ListedAsOf[ListedPosition])
async def list_positions(
    request: Request, resources: ReadResourcesDep, params: Annotated[GridSearch, Query()]
) -> Page:
    """What every actor held on every topic, or may have held: the grid, actor by actor.

    `stance` is compared with the answer's own, and so passes nothing whose `id` is null.
    """
    _, instant = as_of_instant(params.as_of)
    context, (actor, topic, at) = await begin_read(
        request, resources, params, *_PROJECTIONS, start=("", "", instant)
    )
    context, wanted_actors = await resolve_actors(context, params.actor)
    candidates = {"actors": wanted_actors, "topics": params.topic, "stances": params.stance}
    filters = {name: value for name, value in candidates.items() if value}
    items: list[ListedPosition] = []
    place = GridPlace(actor, topic)
    wanted = params.limit + 1
    while True:
        rows = await context.rows(
            queries.grid_page(filters),
            **filters,
            as_of=at,
            after_actor=place.actor,
            after_topic=place.topic,
            limit=wanted,
            max_pairs=MAX_PAIRS,
        )
        await require_known_names(context, rows[0])
        await read_bases_of_alternatives(context, rows)
        listed = [serialize_listed_position(row, at) for row in rows if row["actor"] is not None]
        items += [item for item in listed if params.certainty in (None, item.certainty)]
        state = context.state_of(rows[0])
        context = replace(context, known_size=state.size)
        following = _place_after(rows[0], wanted, len(listed))
        if len(items) > params.limit or following is None or await request.is_disconnected():
            break
        place, wanted = following, max(params.limit + 1 - len(items), SEARCHED_ROWS)
    cursor = None
    if len(items) > params.limit:
        last = items[params.limit - 1]
        key = [state.size, state.provisional, last.actor, last.topic, at]
        cursor = paging.cursor(request, key)
    as_of = params.as_of or instant_as_text(at)
    return page_of(items[: params.limit], cursor, state, as_of=as_of)


def _place_after(row: Mapping[str, Any], wanted: int, listed: int) -> GridPlace | None:
    """Where the search goes on after a query with this first row; None at the end of the grid."""
    if listed < wanted and row["pair_count"] < MAX_PAIRS:
        return None
    return GridPlace(row["last_actor"], row["last_topic"])


@router.get("/positions/{id}", response_model=PositionRecord)
async def get_recorded_position(
    request: Request, resources: ReadResourcesDep, id: UUID, params: Annotated[AtSize, Query()]
) -> Response:
    """A position as it is recorded, with its statements; a retracted one says so."""
    answer = await read_recorded_position(request, resources, id, params)
    return with_etag(request, vars(answer), cited=(resources.public_url,))


async def read_recorded_position(
    request: Request, resources: ReadResources, id: UUID, params: AtSize
) -> PositionRecord:
    """The answer of `get_recorded_position`."""
    context, _ = await begin_read(request, resources, params, *_PROJECTIONS)
    (row,) = await context.rows(queries.RECORDED_POSITION, id=id)
    if row["id"] is None:
        raise not_on_record("position", id)
    known: Known = context.state_of(row)
    return serialize_record(row, known=known, public_url=resources.public_url)
