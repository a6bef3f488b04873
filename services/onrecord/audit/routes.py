"""Routes of the audit API: events byte for byte as they were hashed, and progress of projections.

Events are served as pages, as NDJSON to the end, as server-sent events without end, or one by one.
Each page is a keyset read in a statement of its own, so a replay of years holds no snapshot.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse

from onrecord.audit import streams
from onrecord.audit.filters import EVENT_BY_ID, Filters
from onrecord.audit.progress import ProjectionsOut, projections_response
from onrecord.audit.schemas import EventOut, EventPage, EventSearch
from onrecord.audit.tail import Tail
from onrecord.domain.events import EVENT_CLASSES
from onrecord.kit.http import paging
from onrecord.kit.http.formats import NDJSON, SSE
from onrecord.kit.http.problems import Problem, responses, unavailable, unknown_in_filters
from onrecord.kit.lists.list_route import ListRoute
from onrecord.kit.lists.page import Page
from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.ledger.names import Name, unknown_names
from onrecord.ledger.read import SIZE
from onrecord.projections.identifiers import ids_in_filter, resolve_references
from onrecord.projections.status import STATUS_WITH_LEDGER

router = APIRouter(
    prefix="/v1",
    tags=["audit API"],
    route_class=ListRoute,
    responses=responses(404, 422, 503),
)

MAX_BYTES: Final = 8 << 20
"""Of a page, as a query has, unless one event is larger."""
MAX_REPLICA_LAG: Final = 1.0
"""Seconds that a replica may be behind the server that a client streamed from before."""


@dataclass(frozen=True)
class AuditResources:
    """The resources of the audit API: a pool, and the watched end of the ledger."""

    pool: Pool
    tail: Tail


async def get_audit_resources(request: Request) -> AuditResources:
    """FastAPI dependency: the audit API's resources in the application's lifespan state."""
    resources: AuditResources = request.state.audit_resources
    return resources


AuditResourcesDep = Annotated[AuditResources, Depends(get_audit_resources)]


LastEventId = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID",
        ge=0,
        lt=2**53,
        description="The last seq seen; stands above `after` and `cursor`.",
    ),
]

_SCHEMA: Final = {"$ref": "#/components/schemas/EventOut"}
_CONTENT: Final[dict[str, Any]] = {
    NDJSON: {"itemSchema": _SCHEMA},
    SSE: {
        "itemSchema": {
            "type": "object",
            "required": ["id", "event", "data"],
            "properties": {
                "id": {"type": "string", "description": "The seq: for `Last-Event-ID`."},
                "event": {"type": "string", "description": "The event's type."},
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": _SCHEMA,
                },
            },
        }
    },
}


@router.get("/events", response_model=EventPage, responses={200: {"content": _CONTENT}})
async def list_events(
    request: Request,
    resources: AuditResourcesDep,
    params: Annotated[EventSearch, Query()],
    last_event_id: LastEventId = None,
) -> Page | Response:
    """A page of events; with `Accept: application/x-ndjson` all of them, a line each; with
    `Accept: text/event-stream` all of them and then each as it is recorded.
    """
    _require_event_types(params)
    pool = resources.pool
    actors = ids_in_filter(await resolve_references(pool, params.actor, known_size=None))
    if params.cursor is None:  # a cursor belongs to filters that passed
        await _require_names(pool, actors, params.topic)
    filters = Filters(actors, params.topic, params.type, params.kind)
    start_parameter, start = "after", params.after + 1
    if params.cursor is not None:
        start_parameter, (start,) = "cursor", paging.key(request, params.cursor, int)
    if last_event_id is not None and not (params.stream and params.cursor):
        start_parameter, start = "Last-Event-ID", last_event_id + 1
    if request.state.list_format == SSE:
        await _require_within_ledger(resources, start, start_parameter)
        # a proxy must pass events on at once
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        events = streams.live_events(pool, resources.tail, filters, start)
        return EventSourceResponse(events, headers=headers)
    if request.state.list_format == NDJSON:
        return StreamingResponse(streams.ndjson_blocks(pool, filters, start), media_type=NDJSON)
    lines, following = await _find_page(request, pool, filters, start, params.limit)
    cursor = None if following is None else paging.cursor(request, [following])
    items = [orjson.Fragment(line) for line in lines.splitlines()]
    return Page(items=items, cursor=cursor)


async def _find_page(
    request: Request, pool: Pool, filters: Filters, start: int, limit: int
) -> tuple[bytes, int | None]:
    """The lines of up to `limit` events from seq `start` on, and where the next page starts.

    There is a next page if and only if another event passes, however far the search must go.
    """
    lines, search_from = b"", start
    while True:
        missing = limit - lines.count(b"\n")
        page = await filters.fetch(pool, search_from, max(missing, 1))
        if lines and page.lines and (missing == 0 or len(lines) + len(page.lines) > MAX_BYTES):
            return lines, search_from
        lines += page.lines
        if page.next is not None or page.search_from is None or await request.is_disconnected():
            return lines, page.next
        search_from = page.search_from


async def _require_within_ledger(resources: AuditResources, start: int, parameter: str) -> None:
    """422 where the ledger ends before `start`: the client streamed from another ledger before."""
    size = (await fetch_all(resources.pool, SIZE, {}))[0]["size"]
    if start > size:
        async with resources.tail.listening() as watch:
            deadline = asyncio.get_running_loop().time() + MAX_REPLICA_LAG
            await watch.wait_beyond(start - 1, deadline=deadline)
            size = max(size, watch.size)
            if watch.over:
                raise unavailable("database-unavailable", "The record cannot be watched now.")
    if start > size:
        message = f"is beyond the record, which has {size} events; leave it out to begin anew"
        fault = {"parameter": parameter, "message": message}
        raise Problem(422, "invalid", "There is no such place on record.", errors=[fault])


def _require_event_types(params: EventSearch) -> None:
    types = sorted({type_ for type_, _ in EVENT_CLASSES})
    if not set(params.type) <= set(types):
        fault = {"parameter": "type", "message": f"is none of {', '.join(types)}"}
        raise Problem(422, "invalid", "There is no such type of event.", errors=[fault])


async def _require_names(pool: Pool, actors: Sequence[str], topics: Sequence[str]) -> None:
    names = [Name("actor", slug) for slug in actors]
    names += [Name("topic", slug) for slug in topics]
    unknown = await unknown_names(pool, names)
    if unknown:
        raise unknown_in_filters((name.kind, message) for name, message in unknown.items())


@router.get("/events/{id}", response_model=EventOut)
async def get_event(resources: AuditResourcesDep, id: UUID) -> Response:
    """One event by its own id."""
    (row,) = await fetch_all(resources.pool, EVENT_BY_ID, {"id": id})
    if not row["lines"]:
        raise Problem(404, "unknown-event", f"No event {id} is on record.")
    return Response(row["lines"][:-1], media_type="application/json")


@router.get("/projections", response_model=ProjectionsOut)
async def list_projections(resources: AuditResourcesDep) -> ProjectionsOut:
    """How far each projection is, what a rebuild has built, and at which event one stopped."""
    return projections_response(await fetch_all(resources.pool, STATUS_WITH_LEDGER, {}))


async def ledger_readable(resources: AuditResources) -> tuple[bool, Any]:
    """Check of `/readyz`: the ledger can be read; the detail is its size."""
    return True, (await fetch_all(resources.pool, SIZE, {}))[0]
