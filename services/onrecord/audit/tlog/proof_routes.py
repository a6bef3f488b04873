"""Proofs of single events and of statements, and the head of the ledger."""

from typing import Final
from uuid import UUID

from fastapi import APIRouter, Response

from onrecord.audit.filters import EVENT_BY_ID
from onrecord.audit.schemas import LedgerOut
from onrecord.audit.tlog.hashes import hash_spans
from onrecord.audit.tlog.latest_checkpoint import SignedCheckpoint
from onrecord.audit.tlog.log_routes import CHANGING, TEXT
from onrecord.audit.tlog.resources import LogResources, LogResourcesDep
from onrecord.kit.http.problems import Problem, responses, unavailable
from onrecord.kit.sql.db import Row, fetch_all
from onrecord.kit.sql.sql_files import load_query
from onrecord.kit.tlog.merkle import EMPTY_ROOT, inclusion_spans
from onrecord.kit.tlog.notes import parse_note
from onrecord.kit.tlog.proofs import LogProof

_HEAD: Final = load_query("audit/tlog/queries/head.sql")
_SEQ: Final = load_query("audit/tlog/queries/seq.sql")
_STATEMENT_EVENT: Final = load_query("audit/tlog/queries/statement_event.sql")
_ANY_SIZE: Final = 1 << 62

router = APIRouter(prefix="/v1", tags=["audit API"], responses=responses(404, 422, 503))


@router.get("/ledger", response_model=LedgerOut)
async def get_ledger(resources: LogResourcesDep) -> LedgerOut:
    """How long the record is, and the root hash over all of it."""
    (head,) = await fetch_all(resources.pool, _HEAD, {})
    return LedgerOut(
        size=head["size"] or 0,
        root=(head["root"] or EMPTY_ROOT).hex(),
        recorded_at=head["recorded_at"],
        origin=head["origin"],
        key=(head["keys"] or [None])[0],
    )


@router.get("/events/{id}/proof", response_class=Response)
async def get_event_proof(resources: LogResourcesDep, id: UUID) -> Response:
    """A proof that an event is in the log (C2SP tlog-proof), under the newest checkpoint."""
    rows = await fetch_all(resources.pool, _SEQ, {"id": id})
    if not rows:
        raise Problem(404, "unknown-event", f"No event {id} is on record.")
    seq = rows[0]["seq"]
    proof = await _prove(resources, seq, await _checkpoint_over(resources, seq))
    return Response(str(proof), media_type=TEXT)


@router.get("/statements/{id}/proof", response_class=Response)
async def get_statement_proof(resources: LogResourcesDep, id: UUID) -> Response:
    """A file that proves what a statement says (C2SP tlog-proof). The page /verify checks it.

    It holds the statement's newest event as of its checkpoint: the one by which it was made, its
    last correction, or its retraction. The event stands in it as `GET /v1/events/{id}` gives it,
    without the sections that were erased. It proves this event only: not what is recorded later.
    """
    newest = await _statement_event(resources, id, _ANY_SIZE)
    checkpoint = await _checkpoint_over(resources, newest["seq"])
    newest = await _statement_event(resources, id, checkpoint.size)  # one may have come meanwhile
    (event,) = await fetch_all(resources.pool, EVENT_BY_ID, {"id": newest["id"]})
    extra = event["lines"].removesuffix(b"\n")
    proof = await _prove(resources, newest["seq"], checkpoint, extra)
    disposition = f'attachment; filename="statement-{id}.tlog-proof"'
    headers = {**CHANGING, "Content-Disposition": disposition}
    return Response(str(proof), media_type=TEXT, headers=headers)


async def _statement_event(resources: LogResources, id: UUID, size: int) -> Row:
    """Id and seq of a statement's newest event below a size; 404 where there is none."""
    rows = await fetch_all(resources.pool, _STATEMENT_EVENT, {"id": id, "size": size})
    if not rows:
        raise Problem(404, "unknown-statement", f"No statement {id} is on record.")
    return rows[0]


async def _checkpoint_over(resources: LogResources, seq: int) -> SignedCheckpoint:
    """The newest checkpoint once it covers an entry; 503 where none comes."""
    checkpoint = await resources.latest.wait_for(seq + 1)
    if checkpoint is None:
        raise unavailable("not-signed", "No checkpoint covers this event yet; ask again.")
    return checkpoint


async def _prove(
    resources: LogResources, seq: int, checkpoint: SignedCheckpoint, extra: bytes | None = None
) -> LogProof:
    hashes = await hash_spans(resources.pool, inclusion_spans(seq, checkpoint.size))
    return LogProof(seq, tuple(hashes), parse_note(checkpoint.note), extra)
