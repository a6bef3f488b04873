"""Proofs of single events, and the head of the ledger."""

from typing import Final
from uuid import UUID

from fastapi import APIRouter, Response

from onrecord.audit.schemas import LedgerOut
from onrecord.audit.tlog.hashes import hash_spans
from onrecord.audit.tlog.log_routes import TEXT
from onrecord.audit.tlog.resources import LogResources, LogResourcesDep
from onrecord.kit.http.problems import Problem, responses, unavailable
from onrecord.kit.sql.db import fetch_all
from onrecord.kit.sql.sql_files import load_query
from onrecord.kit.tlog.merkle import EMPTY_ROOT, inclusion_spans
from onrecord.kit.tlog.notes import parse_note
from onrecord.kit.tlog.proofs import LogProof

_HEAD: Final = load_query("audit/tlog/queries/head.sql")
_SEQ: Final = load_query("audit/tlog/queries/seq.sql")

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
    proof = await prove(resources, rows[0]["seq"])
    return Response(str(proof), media_type=TEXT)


async def prove(resources: LogResources, seq: int, extra: bytes | None = None) -> LogProof:
    """The proof of an entry. Waits for a checkpoint over it; 503 where none comes."""
    checkpoint = await resources.latest.wait_for(seq + 1)
    if checkpoint is None:
        raise unavailable("not-signed", "No checkpoint covers this event yet; ask again.")
    hashes = await hash_spans(resources.pool, inclusion_spans(seq, checkpoint.size))
    return LogProof(seq, tuple(hashes), parse_note(checkpoint.note), extra)
