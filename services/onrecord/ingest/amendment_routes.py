"""Routes of the write API that append to what is on record: corrections, retractions, erasures,
revisions and merges. PUT, PATCH and DELETE are refused.
"""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Response

from onrecord.domain import events
from onrecord.domain.ids import Slug
from onrecord.ingest import write_requests
from onrecord.ingest.recorder import RecorderDep
from onrecord.ingest.responses import (
    WRITE_RESPONSES,
    DryRunQuery,
    IdempotencyKey,
    record_and_respond,
    write_id,
)
from onrecord.ingest.schemas import (
    ActorRevisionIn,
    ErasureIn,
    MergeIn,
    PositionCorrectionIn,
    Recorded,
    RetractionIn,
    StatementCorrectionIn,
    TopicRevisionIn,
    UnmergeIn,
)
from onrecord.kit.http.problems import Problem

router = APIRouter(prefix="/v1", tags=["write API"], responses=WRITE_RESPONSES)


@router.post("/actors/{id}/revision", status_code=201, response_model=Recorded)
async def revise_actor(
    id: Slug,
    body: ActorRevisionIn,
    recorder: RecorderDep,
    key: IdempotencyKey = None,
    dry_run: DryRunQuery = False,
) -> Response:
    """Revise an actor: its whole new state. Earlier sizes still show the old one."""
    write = write_requests.actor_revision(body, write_id(body.id, key, recorder), id)
    return await record_and_respond(recorder, write, key, dry_run=dry_run)


@router.post("/actors/{id}/merge", status_code=201, response_model=Recorded)
async def merge_actor(
    id: Slug,
    body: MergeIn,
    recorder: RecorderDep,
    key: IdempotencyKey = None,
    dry_run: DryRunQuery = False,
) -> Response:
    """Merge two records of one actor: later reads of this one answer with `into`."""
    write = write_requests.actor_merge(body, write_id(body.id, key, recorder), id)
    return await record_and_respond(recorder, write, key, dry_run=dry_run)


@router.post("/actors/{id}/unmerge", status_code=201, response_model=Recorded)
async def unmerge_actor(
    id: Slug,
    body: UnmergeIn,
    recorder: RecorderDep,
    key: IdempotencyKey = None,
    dry_run: DryRunQuery = False,
) -> Response:
    """End a merge: later reads of this actor answer with the actor itself again."""
    write = write_requests.actor_unmerge(body, write_id(body.id, key, recorder), id)
    return await record_and_respond(recorder, write, key, dry_run=dry_run)


@router.post("/topics/{id}/revision", status_code=201, response_model=Recorded)
async def revise_topic(
    id: Slug,
    body: TopicRevisionIn,
    recorder: RecorderDep,
    key: IdempotencyKey = None,
    dry_run: DryRunQuery = False,
) -> Response:
    """Revise a topic: its whole new state. Earlier sizes still show the old one."""
    write = write_requests.topic_revision(body, write_id(body.id, key, recorder), id)
    return await record_and_respond(recorder, write, key, dry_run=dry_run)


@router.post("/statements/{id}/corrections", status_code=201, response_model=Recorded)
async def correct_statement(
    id: UUID,
    body: StatementCorrectionIn,
    recorder: RecorderDep,
    key: IdempotencyKey = None,
    dry_run: DryRunQuery = False,
) -> Response:
    """Correct a statement: its whole corrected state. It keeps its id."""
    write = write_requests.amendment(
        events.StatementCorrected, body, write_id(body.id, key, recorder), id
    )
    return await record_and_respond(recorder, write, key, dry_run=dry_run)


@router.post("/statements/{id}/retraction", status_code=201, response_model=Recorded)
async def retract_statement(
    id: UUID,
    body: RetractionIn,
    recorder: RecorderDep,
    key: IdempotencyKey = None,
    dry_run: DryRunQuery = False,
) -> Response:
    """Retract a statement. Earlier sizes still show it."""
    write = write_requests.amendment(
        events.StatementRetracted, body, write_id(body.id, key, recorder), id
    )
    return await record_and_respond(recorder, write, key, dry_run=dry_run)


@router.post("/statements/{id}/erasure", status_code=201, response_model=Recorded)
async def erase_statement(
    id: UUID,
    body: ErasureIn,
    recorder: RecorderDep,
    key: IdempotencyKey = None,
    dry_run: DryRunQuery = False,
) -> Response:
    """Erase words of a statement at every size. Speakers, dates, topics and stances stay."""
    write = write_requests.erasure(body, write_id(body.id, key, recorder), id)
    return await record_and_respond(recorder, write, key, dry_run=dry_run)


@router.post("/positions/{id}/corrections", status_code=201, response_model=Recorded)
async def correct_position(
    id: UUID,
    body: PositionCorrectionIn,
    recorder: RecorderDep,
    key: IdempotencyKey = None,
    dry_run: DryRunQuery = False,
) -> Response:
    """Correct a position that was recorded wrongly: its whole corrected state."""
    write = write_requests.amendment(
        events.PositionCorrected, body, write_id(body.id, key, recorder), id
    )
    return await record_and_respond(recorder, write, key, dry_run=dry_run)


@router.post("/positions/{id}/retraction", status_code=201, response_model=Recorded)
async def retract_position(
    id: UUID,
    body: RetractionIn,
    recorder: RecorderDep,
    key: IdempotencyKey = None,
    dry_run: DryRunQuery = False,
) -> Response:
    """Retract a position. Earlier sizes still show it."""
    write = write_requests.amendment(
        events.PositionRetracted, body, write_id(body.id, key, recorder), id
    )
    return await record_and_respond(recorder, write, key, dry_run=dry_run)


def _refuse_edits(path: str, *instead: str) -> None:
    """Answer PUT, PATCH and DELETE of a record with the addresses that append to it."""

    async def refuse(id: str) -> Any:
        addresses = [f"/v1{path.format(id=quote(id, safe=''))}/{name}" for name in instead]
        raise Problem(
            405,
            "append-only",
            "What is on record is never edited; append to it: POST " + " or ".join(addresses),
            headers={"Link": ", ".join(f'<{a}>; rel="edit"' for a in addresses)},
            about={"append": addresses},
        )

    methods = ["PUT", "PATCH", "DELETE"]
    router.add_api_route(path, refuse, methods=methods, status_code=405, include_in_schema=False)


_refuse_edits("/actors/{id}", "revision", "merge")
_refuse_edits("/topics/{id}", "revision")
_refuse_edits("/statements/{id}", "corrections", "retraction")
_refuse_edits("/positions/{id}", "corrections", "retraction")
