"""Which addresses does the proof door have?

The events themselves, byte for byte as they were hashed: a page, everything from a place on as
NDJSON, that and what comes as server-sent events, or one. Pages are keyset reads in statements of
their own, so a replay of years holds no snapshot. And how far what follows from them is.
"""

import asyncio
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel, ConfigDict, Field

from onrecord.audit import streams
from onrecord.audit.filters import Filters
from onrecord.audit.progress import ProjectionsOut, told
from onrecord.audit.tail import Tail
from onrecord.domain.changes import ChangeKind
from onrecord.domain.events import EVENT_CLASSES
from onrecord.domain.ids import Slug
from onrecord.kit.http import paging
from onrecord.kit.http.problems import Problem, responses, unavailable
from onrecord.kit.http.strict_routes import StrictRoute
from onrecord.kit.sql.db import Pool, rows
from onrecord.ledger.read import BY_ID, SIZE
from onrecord.projections.status import WITH_LEDGER

router = APIRouter(
    prefix="/v1", tags=["proof"], route_class=StrictRoute, responses=responses(404, 422, 503)
)

NDJSON: Final = "application/x-ndjson"
SSE: Final = "text/event-stream"
LAG: Final = 1.0
"""Seconds that a replica may be behind the one that a listener was at before."""


MANY: Final = Field(max_length=50)
Type = Annotated[str, Field(pattern=r"^[a-z]+\.[a-z]+$", max_length=80)]


class EventSearch(BaseModel):
    """Which events, from where on: those that pass every filter; each may be given repeatedly."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[
        int, Field(ge=-1, lt=2**53, description="A seq; without it, from the start.")
    ] = -1
    actor: Annotated[list[Slug], MANY, Field(description="Events that touch one of these.")] = []
    topic: Annotated[list[Slug], MANY, Field(description="Likewise.")] = []
    type: Annotated[list[Type], MANY] = []
    kind: Annotated[
        list[ChangeKind],
        MANY,
        Field(description="Only `position.changed` that were such a change when recorded."),
    ] = []
    limit: Annotated[int, Field(ge=1, le=1000, description="Of a page; NDJSON gives all.")] = 100
    cursor: Annotated[str | None, Field(max_length=500)] = None


class EventOut(BaseModel):
    """An event as recorded: `entry` stands here byte for byte as it was hashed."""

    entry: dict[str, Any]
    payload: dict[str, dict[str, Any]]
    erased: dict[str, str]


class EventPage(BaseModel):
    items: list[EventOut]
    next: str | None


async def pool(request: Request) -> Pool:
    """The audit pool that the entrypoint opened."""
    found: Pool = request.app.state.audit_pool
    return found


Reads = Annotated[Pool, Depends(pool)]


async def tail(request: Request) -> Tail:
    """The end of the ledger, as the entrypoint has it watched."""
    found: Tail = request.app.state.audit_tail
    return found


LastId = Annotated[
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
    pool: Reads,
    tail: Annotated[Tail, Depends(tail)],
    ask: Annotated[EventSearch, Query()],
    last_id: LastId = None,
) -> Response:
    """A page of events; with `Accept: application/x-ndjson` all of them, a line each; with
    `Accept: text/event-stream` all of them and then each as it is recorded.
    """
    _known_types(ask)
    filters = Filters(ask.actor, ask.topic, ask.type, ask.kind)
    named, start = "after", ask.after + 1
    if ask.cursor is not None:
        named, (start,) = "cursor", paging.key(ask.cursor, int)
    if last_id is not None:
        named, start = "Last-Event-ID", last_id + 1
    accepted = request.headers.get("accept", "")
    if SSE in accepted:
        await _within(pool, tail, start, named)
        events = streams.live(pool, tail, filters, start)
        # a proxy must not collect what it is to pass on
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return EventSourceResponse(events, headers=headers)
    if NDJSON in accepted:
        return StreamingResponse(streams.blocks(pool, filters, start), media_type=NDJSON)
    asked = {**filters.params, "start": start, "limit": ask.limit}
    (found,) = await rows(pool, filters.page, asked)
    headers = {"Cache-Control": "no-cache"}
    cursor = b"null"
    if found["next"] is not None:
        text = paging.cursor([found["next"]])
        headers["Link"] = paging.link(request.url, text)
        cursor = b'"%b"' % text.encode()
    body = b'{"items":[%b],"next":%b}' % (found["lines"][:-1].replace(b"\n", b","), cursor)
    return Response(body, headers=headers, media_type="application/json")


async def _within(pool: Pool, tail: Tail, start: int, named: str) -> None:
    """422 where the record ends before `start`: it is not the one that was listened to before."""
    size = (await rows(pool, SIZE, {}))[0]["size"]
    if start > size:
        async with tail.listening() as watch:
            await watch.grown(start - 1, until=asyncio.get_running_loop().time() + LAG)
            size = max(size, watch.size)
            if watch.over:
                raise unavailable("database-unavailable", "The record cannot be watched now.")
    if start > size:
        message = f"is beyond the record, which has {size} events; leave it out to begin anew"
        fault = {"parameter": named, "message": message}
        raise Problem(422, "invalid", "There is no such place on record.", errors=[fault])


def _known_types(ask: EventSearch) -> None:
    types = sorted({type_ for type_, _ in EVENT_CLASSES})
    if not set(ask.type) <= set(types):
        fault = {"parameter": "type", "message": f"is none of {', '.join(types)}"}
        raise Problem(422, "invalid", "There is no such type of event.", errors=[fault])


@router.get("/events/{id}", response_model=EventOut)
async def get_event(pool: Reads, id: UUID) -> Response:
    """One event by its own id."""
    (found,) = await rows(pool, BY_ID, {"id": id, "limit": 1})
    if not found["lines"]:
        raise Problem(404, "unknown-event", f"No event {id} is on record.")
    return Response(found["lines"][:-1], media_type="application/json")


@router.get("/projections", response_model=ProjectionsOut)
async def list_projections(pool: Reads) -> ProjectionsOut:
    """How far each projection is, what a rebuild has built, and at which event one stopped."""
    return told(await rows(pool, WITH_LEDGER, {}))


async def check(pool: Pool) -> tuple[bool, Any]:
    """For `/readyz`: the ledger can be read; its size."""
    return True, (await rows(pool, SIZE, {}))[0]
