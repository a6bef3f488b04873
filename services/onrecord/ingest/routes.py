"""Routes of the write API that register actors and topics, record statements and positions, and
leave findings of the review as they are.

Each validates a body (`schemas`), makes a write request of it (`write_requests`), records it and
answers (`responses`).
"""

from typing import Any

from fastapi import APIRouter, Response

from onrecord.ingest import write_requests
from onrecord.ingest.recorder import Recorder, RecorderDep
from onrecord.ingest.responses import (
    WRITE_RESPONSES,
    DryRunQuery,
    IdempotencyKey,
    record_and_respond,
    write_id,
)
from onrecord.ingest.schemas import (
    ActorIn,
    DismissalIn,
    PositionIn,
    Recorded,
    StatementIn,
    TopicIn,
)
from onrecord.kit.sql.db import fetch_all
from onrecord.ledger.read import SIZE

router = APIRouter(prefix="/v1", tags=["write API"], responses=WRITE_RESPONSES)


@router.post("/statements", status_code=201, response_model=Recorded)
async def record_statement(
    body: StatementIn,
    recorder: RecorderDep,
    key: IdempotencyKey = None,
    dry_run: DryRunQuery = False,
) -> Response:
    """Record a statement with its evidence, and the positions that follow from it.

    It was said and published before: `said_at` and `published_at` lie a day ahead at most.
    """
    write = write_requests.new_statement(body, write_id(body.id, key, recorder))
    return await record_and_respond(recorder, write, key, dry_run=dry_run, statement=body)


@router.post("/positions", status_code=201, response_model=Recorded)
async def record_position(
    body: PositionIn,
    recorder: RecorderDep,
    key: IdempotencyKey = None,
    dry_run: DryRunQuery = False,
) -> Response:
    """Record that from a date on, an actor held a stance on a topic.

    `effective` may lie ahead: then it is announced, and not held before.
    """
    write = write_requests.new_position(body, write_id(body.id, key, recorder))
    return await record_and_respond(recorder, write, key, dry_run=dry_run)


@router.post("/review/dismissals", status_code=201, response_model=Recorded)
async def dismiss_finding(
    body: DismissalIn,
    recorder: RecorderDep,
    key: IdempotencyKey = None,
    dry_run: DryRunQuery = False,
) -> Response:
    """Leave a finding of `GET /v1/review` as it is, with a reason.

    It comes back when one of its statements or its position is corrected or retracted, or words of
    a statement are erased. If that happened after `known_size`, the answer is 409. What is no
    finding at that size changes nothing.
    """
    write = write_requests.new_dismissal(body, write_id(body.id, key, recorder))
    return await record_and_respond(recorder, write, key, dry_run=dry_run)


@router.post("/actors", status_code=201, response_model=Recorded)
async def register_actor(
    body: ActorIn, recorder: RecorderDep, dry_run: DryRunQuery = False
) -> Response:
    """Register an actor under an id of your choice (a slug or a Wikidata QID)."""
    write = write_requests.new_actor(body)
    return await record_and_respond(recorder, write, dry_run=dry_run)


@router.post("/topics", status_code=201, response_model=Recorded)
async def register_topic(
    body: TopicIn, recorder: RecorderDep, dry_run: DryRunQuery = False
) -> Response:
    """Register a topic with the neutral proposition that stances on it are about."""
    write = write_requests.new_topic(body)
    return await record_and_respond(recorder, write, dry_run=dry_run)


async def ledger_writable(recorder: Recorder) -> tuple[bool, Any]:
    """Check of `/readyz`: the ledger's database accepts connections."""
    await fetch_all(recorder.pool, SIZE, {})
    return True, "the ledger can be reached"
