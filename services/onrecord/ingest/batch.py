"""How are many lines recorded in one request?

`POST /v1/batch` takes NDJSON lines of `{op, id, target?, body}` and answers a line for each, in
order; good lines are kept whatever happens to others. Lines are handed to the committer some at a
time, so that they share transactions, and the next ones are made ready while those are recorded.
`onrecord import` and the seeds go through here.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from onrecord.domain.requests import Request as WriteRequest
from onrecord.ingest import lines, record
from onrecord.ingest.record import Recorder
from onrecord.ingest.routes import recorder
from onrecord.ingest.schemas import Line, LineResult
from onrecord.kit.http.problems import Problem, problem_of, responses
from onrecord.kit.http.spool import Backlog
from onrecord.kit.http.strict_routes import MAX_BODY, StrictRoute, require_type
from onrecord.kit.sql import db
from onrecord.ledger.evaluate import Answer
from onrecord.ledger.read import KIND

router = APIRouter(prefix="/v1", tags=["write"], route_class=StrictRoute)

AT_ONCE: Final = 200
"""Lines handed to the committer together."""

UNDER_WAY: Final = 2
"""Groups of them: one is made ready while the database is busy with the one before."""

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
async def record_batch(request: Request) -> StreamingResponse:
    """Record any number of lines of `{op, id, target?, body}`; each line at most 1 MiB."""
    require_type(request, NDJSON, "application/jsonl", "application/json-lines")
    return _Duplex(_results(recorder(request), request), media_type=NDJSON)


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


@dataclass
class _Some:
    """Some lines on their way: what each wants recorded, or why it cannot be."""

    given: list[tuple[int, WriteRequest | Problem]] = field(default_factory=list)
    size: int = 0

    @property
    def full(self) -> bool:
        return len(self.given) >= AT_ONCE or self.size > MOST_BYTES


async def _record_lines(door: Recorder, request: Request, backlog: Backlog) -> None:
    some = _Some()
    under_way: deque[asyncio.Task[None]] = deque()
    try:
        async for number, line in _lines(request):
            given = _given(line)
            if isinstance(given, Line):
                # What it is of is asked of the ledger, so what comes before must be there.
                await _told(under_way, 0)
                await _record(door, some, backlog)
                some = _Some()
                given = await _amendment(door, given)
            some.given.append((number, given))
            some.size += len(line)
            if some.full:
                await _told(under_way, UNDER_WAY - 1)
                before = under_way[-1] if under_way else None
                under_way.append(asyncio.create_task(_record(door, some, backlog, before)))
                some = _Some()
        await _told(under_way, 0)
        await _record(door, some, backlog)
    finally:
        for one in under_way:
            one.cancel()
        backlog.end()


async def _told(under_way: deque[asyncio.Task[None]], left: int) -> None:
    """Wait until no more than so many groups of lines are left without their answer."""
    while len(under_way) > left:
        await under_way[0]
        under_way.popleft()


def _given(line: bytes) -> WriteRequest | Problem | Line:
    """What a line wants; a line that is of something on record comes back as it is."""
    try:
        read = lines.read(line)
        return read if read.target is not None else lines.request_of(read)
    except Problem as problem:
        return problem


async def _amendment(door: Recorder, line: Line) -> WriteRequest | Problem:
    try:
        found = await db.rows(door.pool, KIND, {"id": line.target})
        return lines.request_of(line, found[0]["kind"] if found else None)
    except Exception as error:  # of this line alone, whatever it is
        return problem_of(error)


async def _record(
    door: Recorder, some: _Some, backlog: Backlog, before: asyncio.Task[None] | None = None
) -> None:
    """Have lines recorded; they are told of after those `before`, as they were handed in."""
    requests = [given for _, given in some.given if not isinstance(given, Problem)]
    outcomes = iter(await door.record_all(requests))
    if before:
        await before
    told: list[bytes] = []
    for number, given in some.given:
        if isinstance(given, Problem):
            result = _refused(given)
        else:
            outcome = next(outcomes)
            result = (
                _recorded(given, outcome)
                if isinstance(outcome, Answer)
                else _refused(_below_body(outcome))
            )
        told.append(orjson.dumps({"line": number, **result}, option=orjson.OPT_APPEND_NEWLINE))
    backlog.put(b"".join(told))


def _recorded(request: WriteRequest, answer: Answer) -> dict[str, Any]:
    status = 200 if answer.repeated else 201
    id_ = record.thing(request, answer)
    return {"status": status, "id": id_, "seq": answer.seq, "size": answer.size}


def _refused(error: BaseException) -> dict[str, Any]:
    problem = problem_of(error)
    return {"status": problem.status, "problem": problem.body()}


def _below_body(error: BaseException) -> BaseException:
    if isinstance(error, Problem):
        error.errors = [{**one, "pointer": f"/body{one['pointer']}"} for one in error.errors]
    return error


async def _lines(request: Request) -> AsyncIterator[tuple[int, bytes]]:
    """Lines with their numbers, from 1; blank ones are passed over, of overlong ones the rest is.

    An overlong line comes as its first bytes, one more than a line may have.
    """
    number, rest = 1, bytearray()
    async for chunk in request.stream():
        *whole, last = chunk.split(b"\n")
        for part in whole:
            rest += part
            if rest.strip() or len(rest) > MAX_BODY:
                yield number, bytes(rest[: MAX_BODY + 1])
            number += 1
            rest.clear()
        rest += last
        del rest[MAX_BODY + 1 :]
    if rest.strip() or len(rest) > MAX_BODY:
        yield number, bytes(rest[: MAX_BODY + 1])
