"""Idempotency keys of the write API, and its answers. Used by `routes` and `amendment_routes`.

An idempotency key belongs to its caller: the same key of another caller names another write.

A write that is on record already is answered again: 200 and `Idempotent-Replay: true` instead of
201.
"""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Header, Query, Response

from onrecord.domain.ids import id_from_idempotency_key, new_id
from onrecord.domain.requests import Request as WriteRequest
from onrecord.ingest.recorder import Recorder, recorded
from onrecord.ingest.schemas import Recorded, StatementIn
from onrecord.kit.http.json_bytes import json_bytes
from onrecord.kit.http.problems import Problem, responses

WRITE_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": Recorded,
        "description": "Recorded before: the first answer again. Or the answer of a dry run.",
    },
    **responses(400, 404, 409, 413, 415, 422, 503),
}
"""For `responses=` of a router."""

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
DryRunQuery = Annotated[
    bool,
    Query(
        description="Record nothing: 200 with the answer as it would be, or the problem. Without an"
        " `id`, that of the real request will be another one."
    ),
]


def write_id(id_: UUID | None, key: str | None, recorder: Recorder) -> UUID:
    """The id of a write: the client's, else that of its idempotency key, else a new one."""
    return id_ or (id_from_idempotency_key(recorder.recorded_by, key) if key else new_id())


async def record_and_respond(
    recorder: Recorder,
    write: WriteRequest,
    key: str | None = None,
    *,
    dry_run: bool = False,
    statement: StatementIn | None = None,
) -> Response:
    """Record a write, or only evaluate it, and answer. Raises a `Problem`.

    `statement`: the one to be recorded, if the answer names others that are similar to it.
    """
    lookup = recorder.similar.start(statement) if statement else None
    try:
        answer = await recorder.record(write, dry_run=dry_run)
        body = recorded(write, answer, dry_run=dry_run)
        if statement:
            body.similar = (
                await recorder.similar.finish(lookup, statement, write.id) if lookup else None
            )
    except Problem as problem:
        if (
            problem.code == "id-reused"
            and key
            and write.id == id_from_idempotency_key(recorder.recorded_by, key)
        ):
            message = "is the key of another body; the same write has the same body"
            problem.errors = [{"parameter": IDEMPOTENCY_KEY, "message": message}]
        raise
    finally:
        if lookup:
            lookup.cancel()
    return respond(body, repeated=answer.repeated)


def respond(body: Recorded, *, repeated: bool = False) -> Response:
    """The answer to a write. It is not validated, as it is made of what is on record."""
    return Response(
        json_bytes(body),
        200 if repeated or body.dry_run else 201,
        {"Idempotent-Replay": "true"} if repeated else None,
        media_type="application/json",
    )
