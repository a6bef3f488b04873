"""Which addresses does the proof door have?

The events themselves, byte for byte as they were hashed: a page, everything from a place on as
NDJSON in constant memory, or one. Pages are keyset reads in statements of their own, so a replay
of years holds no snapshot.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from onrecord.domain.events import CLASSES
from onrecord.domain.ids import Slug
from onrecord.kit import paging
from onrecord.kit.db import Pool, rows
from onrecord.kit.problems import Problem, responses
from onrecord.kit.strict_routes import StrictRoute
from onrecord.ledger.read import BY_ID, SIZE, line, page

router = APIRouter(
    prefix="/v1", tags=["proof"], route_class=StrictRoute, responses=responses(404, 422, 503)
)

NDJSON: Final = "application/x-ndjson"
PAGE: Final = 500
"""Entries read at a time for a stream."""


class EventSearch(BaseModel):
    """Which events, from where on."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[
        int, Field(ge=-1, lt=2**53, description="A seq; without it, from the start.")
    ] = -1
    actor: Slug | None = None
    topic: Slug | None = None
    type: Annotated[str | None, Field(pattern=r"^[a-z]+\.[a-z]+$", max_length=80)] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Of a page; NDJSON gives all.")] = 100
    cursor: Annotated[str | None, Field(max_length=500)] = None


class EventOut(BaseModel):
    """An event as recorded: `entry` stands here byte for byte as it was hashed."""

    entry: dict[str, Any]
    payload: dict[str, dict[str, Any]]
    erased: dict[str, str | None]


class EventPage(BaseModel):
    items: list[EventOut]
    next: str | None


def pool(request: Request) -> Pool:
    """The audit pool that the entrypoint opened."""
    found: Pool = request.app.state.audit_pool
    return found


Reads = Annotated[Pool, Depends(pool)]


@router.get(
    "/events",
    response_model=EventPage,
    responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}}},
)
async def list_events(
    request: Request, pool: Reads, ask: Annotated[EventSearch, Query()]
) -> Response:
    """A page of events; with `Accept: application/x-ndjson` all of them, a line each."""
    _known_type(ask)
    given = {"actor": ask.actor, "topic": ask.topic, "type": ask.type}
    filters = {name: value for name, value in given.items() if value is not None}
    start = ask.after + 1
    if ask.cursor is not None:
        (start,) = paging.key(ask.cursor, int)
    if NDJSON in request.headers.get("accept", ""):
        return StreamingResponse(_all(pool, filters, start), media_type=NDJSON)
    found = await rows(
        pool, page(frozenset(filters)), {**filters, "start": start, "limit": ask.limit + 1}
    )
    items = b",".join(line(row) for row in found[: ask.limit])
    headers = {"Cache-Control": "no-cache"}
    cursor = b"null"
    if len(found) > ask.limit:
        text = paging.cursor([found[ask.limit - 1]["seq"] + 1])
        headers["Link"] = paging.link(request.url, text)
        cursor = b'"%b"' % text.encode()
    body = b'{"items":[%b],"next":%b}' % (items, cursor)
    return Response(body, headers=headers, media_type="application/json")


async def _all(pool: Pool, filters: dict[str, str], start: int) -> AsyncIterator[bytes]:
    query = page(frozenset(filters))
    while True:
        found = await rows(pool, query, {**filters, "start": start, "limit": PAGE})
        if found:
            yield b"".join(line(row) + b"\n" for row in found)
        if len(found) < PAGE:
            return
        start = found[-1]["seq"] + 1


def _known_type(ask: EventSearch) -> None:
    types = sorted({type_ for type_, _ in CLASSES})
    if ask.type is not None and ask.type not in types:
        fault = {"parameter": "type", "message": f"is none of {', '.join(types)}"}
        raise Problem(422, "invalid", "There is no such type of event.", errors=[fault])


@router.get("/events/{id}", response_model=EventOut)
async def get_event(pool: Reads, id: UUID) -> Response:
    """One event by its own id."""
    found = await rows(pool, BY_ID, {"id": id})
    if not found:
        raise Problem(404, "unknown-event", f"No event {id} is on record.")
    return Response(line(found[0]), media_type="application/json")


async def check(pool: Pool) -> tuple[bool, Any]:
    """For `/readyz`: the ledger can be read; its size."""
    return True, (await rows(pool, SIZE, {}))[0]
