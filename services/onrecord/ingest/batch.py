"""Route of `POST /v1/batch`: any number of writes in one request, streamed in and out.

The body is NDJSON, lines of `{op, id, target?, body}`; the answer is a line for each, in order.
Good lines are kept whatever happens to others (`batch_lines`). `onrecord import` and the seeds use
this route.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from onrecord.ingest.batch_dry_run import dry_run_lines
from onrecord.ingest.batch_lines import record_lines
from onrecord.ingest.recorder import Recorder, RecorderDep
from onrecord.ingest.responses import DryRunQuery
from onrecord.kit.http.formats import NDJSON
from onrecord.kit.http.problems import responses
from onrecord.kit.http.spool import ResponseSpool
from onrecord.kit.http.strict_bodies import require_media_type

router = APIRouter(prefix="/v1", tags=["write API"])

TakeLines = Callable[[Recorder, Request, ResponseSpool], Coroutine[Any, Any, None]]
"""Takes the lines of a request, and spools a result for each."""


async def require_ndjson(request: Request) -> None:
    """FastAPI dependency: 415 unless the body is NDJSON."""
    require_media_type(request.headers, NDJSON, "application/jsonl", "application/json-lines")


@router.post(
    "/batch",
    dependencies=[Depends(require_ndjson)],
    response_class=StreamingResponse,
    responses={
        **responses(415, 422, 503),
        200: {
            "description": "A line for each line, in order.",
            "content": {NDJSON: {"itemSchema": {"$ref": "#/components/schemas/LineResult"}}},
        },
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {NDJSON: {"itemSchema": {"$ref": "#/components/schemas/Line"}}},
        }
    },
)
async def record_batch(
    request: Request, recorder: RecorderDep, dry_run: DryRunQuery = False
) -> StreamingResponse:
    """Record any number of lines of `{op, id, target?, body}`; each line at most 1 MiB.

    A dry run takes 2,000 lines and 8 MiB, and each line sees what those before it would record.
    """
    take_lines = dry_run_lines if dry_run else record_lines
    return _DuplexResponse(_results(recorder, request, take_lines), media_type=NDJSON)


class _DuplexResponse(StreamingResponse):
    """An answer that is sent while the request is still being read.

    Starlette's own class reads from `receive` meanwhile, to notice a disconnect, and so would take
    chunks of the body.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(ClientDisconnect):
            await self.stream_response(send)


async def _results(
    recorder: Recorder, request: Request, take_lines: TakeLines
) -> AsyncIterator[bytes]:
    spool = ResponseSpool()
    producer = asyncio.create_task(take_lines(recorder, request, spool))
    try:
        async for chunk in spool:
            yield chunk
        await producer
    finally:
        producer.cancel()
        spool.close()
