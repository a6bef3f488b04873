"""Which addresses does the write door have?

Each route checks a shape (`schemas`), makes a request (`record`) and has it recorded. A write that
was recorded before is answered again: 200 and `Idempotent-Replay: true` instead of 201.
The routes are tried in their order, so what is asked most comes first.
"""

from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Request, Response

from onrecord.domain import events
from onrecord.domain.ids import SLUG_PATTERN, id_from_idempotency_key, new_id
from onrecord.domain.requests import Request as WriteRequest
from onrecord.ingest import record
from onrecord.ingest.record import Recorder
from onrecord.ingest.schemas import (
    ActorIn,
    ActorRevisionIn,
    ErasureIn,
    MergeIn,
    PositionCorrectionIn,
    PositionIn,
    Recorded,
    RetractionIn,
    StatementCorrectionIn,
    StatementIn,
    TopicIn,
    TopicRevisionIn,
    UnmergeIn,
)
from onrecord.kit.http.problems import Problem, responses
from onrecord.kit.http.strict_routes import StrictRoute
from onrecord.kit.sql.db import rows
from onrecord.ledger.read import SIZE

router = APIRouter(
    prefix="/v1",
    tags=["write"],
    route_class=StrictRoute,
    responses={
        200: {"model": Recorded, "description": "Recorded before: the first answer again."},
        **responses(400, 404, 409, 413, 415, 422, 503),
    },
)

CALLER = "local"
"""Who writes, before there are keys."""

Name = Annotated[str, Path(pattern=SLUG_PATTERN, max_length=80)]

KEY: Final = "Idempotency-Key"
_KEYED: Final = {
    "parameters": [
        {
            "name": KEY,
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "Instead of an id: the same key names the same write.",
        }
    ]
}
post: Final = partial(router.post, status_code=201, response_model=Recorded)
keyed: Final = partial(post, openapi_extra=_KEYED)
"""A route that takes a key instead of an id. To read the header for it costs FastAPI 30 us."""


def recorder(request: Request) -> Recorder:
    """The recorder that the entrypoint made. Asked directly: a dependency costs FastAPI 30 us."""
    found: Recorder = request.app.state.recorder
    return found


async def _write(request: Request, asked: WriteRequest) -> Response:
    try:
        answer = await recorder(request).record(asked)
    except Problem as problem:
        key = request.headers.get(KEY)
        if problem.code == "id-reused" and asked.id == (
            key and id_from_idempotency_key(CALLER, key)
        ):
            fault = "is the key of another body; the same write has the same body"
            problem.errors = [{"parameter": KEY, "message": fault}]
        raise
    return told(record.recorded(asked, answer), repeated=answer.repeated)


def told(recorded: Recorded, *, repeated: bool = False) -> Response:
    """An answer to a write; nothing checks it, as it is made of what is on record."""
    return Response(
        orjson.dumps(recorded, option=orjson.OPT_UTC_Z),
        200 if repeated else 201,
        {"Idempotent-Replay": "true"} if repeated else None,
        media_type="application/json",
    )


def _id(given: UUID | None, request: Request) -> UUID:
    key = request.headers.get(KEY)
    if key is not None and not 1 <= len(key) <= 255:
        fault = {"parameter": KEY, "message": "has 1 to 255 characters"}
        raise Problem(422, "invalid", "The key cannot name a write.", errors=[fault])
    return given or (id_from_idempotency_key(CALLER, key) if key else new_id())


@keyed("/statements")
async def record_statement(body: StatementIn, request: Request) -> Response:
    """Record a statement with its evidence, and the positions that follow from it."""
    return await _write(request, record.statement(body, _id(body.id, request)))


@keyed("/positions")
async def record_position(body: PositionIn, request: Request) -> Response:
    """Record that from a date on, an actor held a stance on a topic."""
    return await _write(request, record.position(body, _id(body.id, request)))


@post("/actors")
async def register_actor(body: ActorIn, request: Request) -> Response:
    """Register an actor under an id of your choice (a slug or a Wikidata QID)."""
    return await _write(request, record.actor(body))


@post("/topics")
async def register_topic(body: TopicIn, request: Request) -> Response:
    """Register a topic with the neutral proposition that stances on it are about."""
    return await _write(request, record.topic(body))


@keyed("/actors/{id}/revision")
async def revise_actor(id: Name, body: ActorRevisionIn, request: Request) -> Response:
    """Give an actor a new state, in full; earlier sizes still show the old one."""
    asked = record.actor_revision(body, _id(body.id, request), id)
    return await _write(request, asked)


@keyed("/actors/{id}/merge")
async def merge_actor(id: Name, body: MergeIn, request: Request) -> Response:
    """Two records of one actor: from here on, reads of this one mean `into`. No row is lost."""
    return await _write(request, record.merge(body, _id(body.id, request), id))


@keyed("/actors/{id}/unmerge")
async def unmerge_actor(id: Name, body: UnmergeIn, request: Request) -> Response:
    """The merge was wrong, or is over: each is read as itself again from here on."""
    return await _write(request, record.unmerge(body, _id(body.id, request), id))


@keyed("/topics/{id}/revision")
async def revise_topic(id: Name, body: TopicRevisionIn, request: Request) -> Response:
    """Give a topic a new state, in full; earlier sizes still show the old one."""
    asked = record.topic_revision(body, _id(body.id, request), id)
    return await _write(request, asked)


@keyed("/statements/{id}/corrections")
async def correct_statement(id: UUID, body: StatementCorrectionIn, request: Request) -> Response:
    """Say in full what a statement on record should have said; it keeps its id."""
    asked = record.amendment(events.StatementCorrected, body, _id(body.id, request), id)
    return await _write(request, asked)


@keyed("/statements/{id}/retraction")
async def retract_statement(id: UUID, body: RetractionIn, request: Request) -> Response:
    """Take a statement off the record from here on; earlier sizes still show it."""
    asked = record.amendment(events.StatementRetracted, body, _id(body.id, request), id)
    return await _write(request, asked)


@keyed("/statements/{id}/erasure")
async def erase_statement(id: UUID, body: ErasureIn, request: Request) -> Response:
    """Erase words of a statement, at every size; who, when, on what and the stances stand."""
    asked = record.erasure(body, _id(body.id, request), id)
    return await _write(request, asked)


@keyed("/positions/{id}/corrections")
async def correct_position(id: UUID, body: PositionCorrectionIn, request: Request) -> Response:
    """Say in full what a position should have been: we were wrong, they did not change."""
    asked = record.amendment(events.PositionCorrected, body, _id(body.id, request), id)
    return await _write(request, asked)


@keyed("/positions/{id}/retraction")
async def retract_position(id: UUID, body: RetractionIn, request: Request) -> Response:
    """Take a position off the record from here on; earlier sizes still show it."""
    asked = record.amendment(events.PositionRetracted, body, _id(body.id, request), id)
    return await _write(request, asked)


def _never_edited(path: str, *instead: str) -> None:
    """PUT, PATCH and DELETE of a record are answered with the addresses that append to it."""

    async def refuse(id: str) -> Any:
        places = [f"/v1{path.format(id=quote(id, safe=''))}/{one}" for one in instead]
        raise Problem(
            405,
            "append-only",
            "What is on record is never edited; append to it: POST " + " or ".join(places),
            headers={"Allow": "GET", "Link": ", ".join(f'<{one}>; rel="edit"' for one in places)},
            about={"append": places},
        )

    methods = ["PUT", "PATCH", "DELETE"]
    router.add_api_route(path, refuse, methods=methods, include_in_schema=False)


_never_edited("/actors/{id}", "revision", "merge")
_never_edited("/topics/{id}", "revision")
_never_edited("/statements/{id}", "corrections", "retraction")
_never_edited("/positions/{id}", "corrections", "retraction")


async def check(door: Recorder) -> tuple[bool, Any]:
    """For `/readyz`: the ledger's database takes our connections."""
    await rows(door.pool, SIZE, {})
    return True, "the ledger can be reached"
