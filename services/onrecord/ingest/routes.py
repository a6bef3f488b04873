"""Routes of the write API, except `POST /v1/batch`.

Each validates a body (`schemas`), makes a write request of it (`write_requests`) and records it
(`recorder`). A write that is on record already is answered again: 200 and `Idempotent-Replay: true`
instead of 201. Routes are matched in their order, so the most used ones come first.
"""

from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Response

from onrecord.domain import events
from onrecord.domain.decisions import Request as WriteRequest
from onrecord.domain.ids import Slug, keyed_id, new_id
from onrecord.ingest import write_requests
from onrecord.ingest.recorder import Recorder, RecorderDep, recorded
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
from onrecord.kit.sql.db import rows
from onrecord.ledger.read import SIZE

router = APIRouter(
    prefix="/v1",
    tags=["write API"],
    responses={
        200: {"model": Recorded, "description": "Recorded before: the first answer again."},
        **responses(400, 404, 409, 413, 415, 422, 503),
    },
)

CALLER: Final = "local"
"""The writer, as long as there are no API keys."""

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=IDEMPOTENCY_KEY,
        min_length=1,
        max_length=255,
        description="Instead of an id: the same key names the same write.",
    ),
]


def write_id(id_: UUID | None, key: str | None) -> UUID:
    """The id of a write: the client's, else that of its idempotency key, else a new one."""
    return id_ or (keyed_id(CALLER, key) if key else new_id())


async def _record_and_respond(
    recorder: Recorder, write: WriteRequest, key: str | None = None
) -> Response:
    try:
        answer = await recorder.record(write)
    except Problem as problem:
        if problem.code == "id-reused" and key and write.id == keyed_id(CALLER, key):
            message = "is the key of another body; the same write has the same body"
            problem.errors = [{"parameter": IDEMPOTENCY_KEY, "message": message}]
        raise
    return respond(recorded(write, answer), repeated=answer.repeated)


def respond(body: Recorded, *, repeated: bool = False) -> Response:
    """The answer to a write. It is not validated, as it is made of what is on record."""
    return Response(
        orjson.dumps(body, option=orjson.OPT_UTC_Z),
        200 if repeated else 201,
        {"Idempotent-Replay": "true"} if repeated else None,
        media_type="application/json",
    )


@router.post("/statements", status_code=201, response_model=Recorded)
async def record_statement(
    body: StatementIn, recorder: RecorderDep, key: IdempotencyKey = None
) -> Response:
    """Record a statement with its evidence, and the positions that follow from it."""
    write = write_requests.new_statement(body, write_id(body.id, key))
    return await _record_and_respond(recorder, write, key)


@router.post("/positions", status_code=201, response_model=Recorded)
async def record_position(
    body: PositionIn, recorder: RecorderDep, key: IdempotencyKey = None
) -> Response:
    """Record that from a date on, an actor held a stance on a topic."""
    write = write_requests.new_position(body, write_id(body.id, key))
    return await _record_and_respond(recorder, write, key)


@router.post("/actors", status_code=201, response_model=Recorded)
async def register_actor(body: ActorIn, recorder: RecorderDep) -> Response:
    """Register an actor under an id of your choice (a slug or a Wikidata QID)."""
    write = write_requests.new_actor(body)
    return await _record_and_respond(recorder, write)


@router.post("/topics", status_code=201, response_model=Recorded)
async def register_topic(body: TopicIn, recorder: RecorderDep) -> Response:
    """Register a topic with the neutral proposition that stances on it are about."""
    write = write_requests.new_topic(body)
    return await _record_and_respond(recorder, write)


@router.post("/actors/{id}/revision", status_code=201, response_model=Recorded)
async def revise_actor(
    id: Slug, body: ActorRevisionIn, recorder: RecorderDep, key: IdempotencyKey = None
) -> Response:
    """Give an actor a new state, in full; earlier sizes still show the old one."""
    write = write_requests.actor_revision(body, write_id(body.id, key), id)
    return await _record_and_respond(recorder, write, key)


@router.post("/actors/{id}/merge", status_code=201, response_model=Recorded)
async def merge_actor(
    id: Slug, body: MergeIn, recorder: RecorderDep, key: IdempotencyKey = None
) -> Response:
    """Two records of one actor: from here on, reads of this one mean `into`. No row is lost."""
    write = write_requests.actor_merge(body, write_id(body.id, key), id)
    return await _record_and_respond(recorder, write, key)


@router.post("/actors/{id}/unmerge", status_code=201, response_model=Recorded)
async def unmerge_actor(
    id: Slug, body: UnmergeIn, recorder: RecorderDep, key: IdempotencyKey = None
) -> Response:
    """The merge was wrong, or is over: each is read as itself again from here on."""
    write = write_requests.actor_unmerge(body, write_id(body.id, key), id)
    return await _record_and_respond(recorder, write, key)


@router.post("/topics/{id}/revision", status_code=201, response_model=Recorded)
async def revise_topic(
    id: Slug, body: TopicRevisionIn, recorder: RecorderDep, key: IdempotencyKey = None
) -> Response:
    """Give a topic a new state, in full; earlier sizes still show the old one."""
    write = write_requests.topic_revision(body, write_id(body.id, key), id)
    return await _record_and_respond(recorder, write, key)


@router.post("/statements/{id}/corrections", status_code=201, response_model=Recorded)
async def correct_statement(
    id: UUID, body: StatementCorrectionIn, recorder: RecorderDep, key: IdempotencyKey = None
) -> Response:
    """Say in full what a statement on record should have said; it keeps its id."""
    write = write_requests.amendment(events.StatementCorrected, body, write_id(body.id, key), id)
    return await _record_and_respond(recorder, write, key)


@router.post("/statements/{id}/retraction", status_code=201, response_model=Recorded)
async def retract_statement(
    id: UUID, body: RetractionIn, recorder: RecorderDep, key: IdempotencyKey = None
) -> Response:
    """Take a statement off the record from here on; earlier sizes still show it."""
    write = write_requests.amendment(events.StatementRetracted, body, write_id(body.id, key), id)
    return await _record_and_respond(recorder, write, key)


@router.post("/statements/{id}/erasure", status_code=201, response_model=Recorded)
async def erase_statement(
    id: UUID, body: ErasureIn, recorder: RecorderDep, key: IdempotencyKey = None
) -> Response:
    """Erase words of a statement, at every size; who, when, on what and the stances stand."""
    write = write_requests.erasure(body, write_id(body.id, key), id)
    return await _record_and_respond(recorder, write, key)


@router.post("/positions/{id}/corrections", status_code=201, response_model=Recorded)
async def correct_position(
    id: UUID, body: PositionCorrectionIn, recorder: RecorderDep, key: IdempotencyKey = None
) -> Response:
    """Say in full what a position should have been: we were wrong, they did not change."""
    write = write_requests.amendment(events.PositionCorrected, body, write_id(body.id, key), id)
    return await _record_and_respond(recorder, write, key)


@router.post("/positions/{id}/retraction", status_code=201, response_model=Recorded)
async def retract_position(
    id: UUID, body: RetractionIn, recorder: RecorderDep, key: IdempotencyKey = None
) -> Response:
    """Take a position off the record from here on; earlier sizes still show it."""
    write = write_requests.amendment(events.PositionRetracted, body, write_id(body.id, key), id)
    return await _record_and_respond(recorder, write, key)


def _refuse_edits(path: str, *instead: str) -> None:
    """Answer PUT, PATCH and DELETE of a record with the addresses that append to it."""

    async def refuse(id: str) -> Any:
        addresses = [f"/v1{path.format(id=quote(id, safe=''))}/{name}" for name in instead]
        raise Problem(
            405,
            "append-only",
            "What is on record is never edited; append to it: POST " + " or ".join(addresses),
            headers={"Allow": "GET", "Link": ", ".join(f'<{a}>; rel="edit"' for a in addresses)},
            about={"append": addresses},
        )

    methods = ["PUT", "PATCH", "DELETE"]
    router.add_api_route(path, refuse, methods=methods, include_in_schema=False)


_refuse_edits("/actors/{id}", "revision", "merge")
_refuse_edits("/topics/{id}", "revision")
_refuse_edits("/statements/{id}", "corrections", "retraction")
_refuse_edits("/positions/{id}", "corrections", "retraction")


async def ledger_writable(recorder: Recorder) -> tuple[bool, Any]:
    """Check of `/readyz`: the ledger's database accepts connections."""
    await rows(recorder.pool, SIZE, {})
    return True, "the ledger can be reached"
