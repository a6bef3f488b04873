"""How are many lines recorded in one request?

`POST /v1/batch` takes NDJSON lines of `{op, id, target?, body}` and answers a line for each, in
order; good lines are kept whatever happens to others. Lines are handed to the committer some at a
time, so that they share transactions. `onrecord import` and the seeds go through here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from onrecord.domain import events
from onrecord.domain.decisions import Request as WriteRequest
from onrecord.ingest import record
from onrecord.ingest.record import Recorder
from onrecord.ingest.routes import recorder
from onrecord.ingest.schemas import (
    ActorIn,
    Line,
    LineResult,
    PositionCorrectionIn,
    PositionIn,
    RetractionIn,
    StatementCorrectionIn,
    StatementIn,
    TopicIn,
)
from onrecord.kit import db
from onrecord.kit.backlog import Backlog
from onrecord.kit.problems import Problem, at, invalid, problem_of, responses
from onrecord.kit.strict_routes import MAX_BODY, StrictRoute, parsed, require_type
from onrecord.ledger.read import KIND

T = TypeVar("T")

router = APIRouter(prefix="/v1", tags=["write"], route_class=StrictRoute)

AT_ONCE: Final = 200
"""Lines handed to the committer before the first of them is awaited."""

MOST_BYTES: Final = 8 * MAX_BODY
"""And bytes of them."""

NDJSON: Final = "application/x-ndjson"


@router.post(
    "/batch",
    response_class=StreamingResponse,
    responses={
        **responses(415, 422, 503),
        200: {
            "description": "A line for each line, in order.",
            "content": {NDJSON: {"schema": LineResult.model_json_schema()}},
        },
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {NDJSON: {"schema": Line.model_json_schema()}},
        }
    },
)
async def record_batch(
    request: Request, door: Annotated[Recorder, Depends(recorder)]
) -> StreamingResponse:
    """Record any number of lines of `{op, id, target?, body}`; each line at most 1 MiB."""
    require_type(request, NDJSON, "application/jsonl", "application/json-lines")
    return _Duplex(_results(door, request), media_type=NDJSON)


class _Duplex(StreamingResponse):
    """Answers while the request is still being read.

    Starlette's own listens for a disconnect meanwhile, and so takes the body's chunks away from us.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(ClientDisconnect):
            await self.stream_response(send)


async def _results(door: Recorder, request: Request) -> AsyncIterator[bytes]:
    backlog = Backlog()
    producer = asyncio.create_task(_record_lines(door, request, backlog))
    try:
        async for chunk in backlog:
            yield chunk
        await producer
    finally:
        producer.cancel()
        backlog.close()


async def _record_lines(door: Recorder, request: Request, backlog: Backlog) -> None:
    waiting: list[tuple[int, asyncio.Task[Mapping[str, Any]]]] = []
    held = 0
    try:
        async for number, line in _lines(request):
            given = _read(line)
            # What a correction is of is asked of the ledger, so what comes before must be there.
            alone = isinstance(given, Line) and given.target is not None
            held += len(line) if isinstance(line, bytes) else 0
            if alone or len(waiting) >= AT_ONCE or held > MOST_BYTES:
                await _settle(waiting, backlog)
                held = 0
            waiting.append((number, asyncio.create_task(_one(door, given))))
            if alone:
                await _settle(waiting, backlog)
        await _settle(waiting, backlog)
    finally:
        backlog.end()


def _overlong() -> Problem:
    return Problem(413, "too-large", "The line is larger than 1 MiB.")


def _read(line: bytes | Problem) -> Line | Problem:
    if isinstance(line, Problem):
        return line
    try:
        return _checked(Line.model_validate, parsed(line), below=())
    except Problem as problem:
        return problem


async def _settle(
    waiting: list[tuple[int, asyncio.Task[Mapping[str, Any]]]], backlog: Backlog
) -> None:
    results = await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)
    for (number, _), result in zip(waiting, results, strict=True):
        if isinstance(result, BaseException):
            problem = problem_of(result)
            told: Mapping[str, Any] = {"status": problem.status, "problem": problem.body()}
        else:
            told = result
        backlog.put(orjson.dumps({"line": number, **told}) + b"\n")
    waiting.clear()


async def _lines(request: Request) -> AsyncIterator[tuple[int, bytes | Problem]]:
    """Lines with their numbers, from 1; blank ones are passed over, overlong ones are problems."""
    number, rest, overlong = 1, bytearray(), False
    async for chunk in request.stream():
        *whole, last = chunk.split(b"\n")
        for part in whole:
            rest += part
            if rest.strip() or overlong:
                yield number, _overlong() if overlong or len(rest) > MAX_BODY else bytes(rest)
            number, overlong = number + 1, False
            rest.clear()
        rest += last
        if len(rest) > MAX_BODY:
            overlong = True
            rest.clear()
    if rest.strip() or overlong:
        yield number, _overlong() if overlong else bytes(rest)


async def _one(door: Recorder, given: Line | Problem) -> Mapping[str, Any]:
    if isinstance(given, Problem):
        raise given
    request = await _request(door, given)
    try:
        answer = await door.record(request)
    except Problem as problem:
        problem.errors = [{**one, "pointer": f"/body{one['pointer']}"} for one in problem.errors]
        raise
    told = record.recorded(request, answer)
    status = 200 if answer.repeated else 201
    return {"status": status, "id": told.id, "seq": told.seq, "size": told.size}


async def _request(door: Recorder, line: Line) -> WriteRequest:
    if str(line.body.setdefault("id", line.id)).lower() != line.id.lower():
        raise invalid(
            [{"loc": ("body", "body", "id"), "msg": f"differs from the line's {line.id!r}"}]
        )
    if line.op == "actor":
        return record.actor(_checked(ActorIn.model_validate, line.body))
    if line.op == "topic":
        return record.topic(_checked(TopicIn.model_validate, line.body))
    id_ = _checked(_UUID.validate_python, line.id, below=("id",))
    if line.op == "statement":
        return record.statement(_checked(StatementIn.model_validate, line.body), id_)
    if line.op == "position":
        return record.position(_checked(PositionIn.model_validate, line.body), id_)
    kind = await db.rows(door.pool, KIND, {"id": line.target})
    of = kind[0]["kind"] if kind else None
    if line.target is None or of not in ("statement", "position"):
        told = f"no statement or position {line.target} is on record"
        raise Problem(
            422,
            "unknown-reference",
            "The request names things that are not on record.",
            errors=[at("/target", told)],
        )
    event, body = _AMENDMENTS[line.op, of]
    return record.amendment(event, _checked(body.model_validate, line.body), id_, line.target)


_UUID: Final = TypeAdapter(UUID)

_AMENDMENTS: Final[dict[tuple[str, str], tuple[Any, Any]]] = {
    ("correction", "statement"): (events.StatementCorrected, StatementCorrectionIn),
    ("correction", "position"): (events.PositionCorrected, PositionCorrectionIn),
    ("retraction", "statement"): (events.StatementRetracted, RetractionIn),
    ("retraction", "position"): (events.PositionRetracted, RetractionIn),
}


def _checked(check: Callable[[Any], T], value: Any, below: tuple[str, ...] = ("body",)) -> T:
    """A value in a shape, or a 422 problem whose pointers start at the line."""
    try:
        return check(value)
    except ValidationError as error:
        faults = [{**one, "loc": ("body", *below, *one["loc"])} for one in error.errors()]
        raise invalid(faults) from None
