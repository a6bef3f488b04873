"""Calls of the write API.

Each write gets an id where it has none, so that a client may send it again: the ledger records it
once.
"""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel

from onrecord.client.call import Call, path
from onrecord.ingest.schemas import (
    ActorIn,
    ActorRevisionIn,
    DismissalIn,
    ErasureIn,
    Line,
    LineResult,
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

BodyT = TypeVar("BodyT", bound=BaseModel)


def register_actor(actor: ActorIn) -> Call[Recorded]:
    return _write(path("actors"), actor)


def revise_actor(actor: str, revision: ActorRevisionIn) -> Call[Recorded]:
    return _write(path("actors", actor, "revision"), _with_id(revision))


def merge_actor(actor: str, merge: MergeIn) -> Call[Recorded]:
    return _write(path("actors", actor, "merge"), _with_id(merge))


def unmerge_actor(actor: str, unmerge: UnmergeIn) -> Call[Recorded]:
    return _write(path("actors", actor, "unmerge"), _with_id(unmerge))


def register_topic(topic: TopicIn) -> Call[Recorded]:
    return _write(path("topics"), topic)


def revise_topic(topic: str, revision: TopicRevisionIn) -> Call[Recorded]:
    return _write(path("topics", topic, "revision"), _with_id(revision))


def record_statement(statement: StatementIn) -> Call[Recorded]:
    return _write(path("statements"), _with_id(statement))


def correct_statement(id_: UUID, correction: StatementCorrectionIn) -> Call[Recorded]:
    return _write(path("statements", id_, "corrections"), _with_id(correction))


def retract_statement(id_: UUID, retraction: RetractionIn) -> Call[Recorded]:
    return _write(path("statements", id_, "retraction"), _with_id(retraction))


def erase_statement(id_: UUID, erasure: ErasureIn) -> Call[Recorded]:
    return _write(path("statements", id_, "erasure"), _with_id(erasure))


def record_position(position: PositionIn) -> Call[Recorded]:
    return _write(path("positions"), _with_id(position))


def correct_position(id_: UUID, correction: PositionCorrectionIn) -> Call[Recorded]:
    return _write(path("positions", id_, "corrections"), _with_id(correction))


def retract_position(id_: UUID, retraction: RetractionIn) -> Call[Recorded]:
    return _write(path("positions", id_, "retraction"), _with_id(retraction))


def dismiss_finding(dismissal: DismissalIn) -> Call[Recorded]:
    """Leave a finding of the review as it is: its `dismiss`, the size of the page, a reason."""
    return _write(path("review", "dismissals"), _with_id(dismissal))


def record_batch(lines: Sequence[Line] | bytes) -> Call[list[LineResult]]:
    """Up to some thousand writes in one request; a result for each, in order.

    `lines`: models, or NDJSON as it stands.
    A line that is refused does not keep the others from being recorded.
    """
    where = path("batch")
    return Call(method="POST", path=where, answer=list[LineResult], body=lines)


def _write(where: str, body: BaseModel) -> Call[Recorded]:
    return Call(method="POST", path=where, answer=Recorded, body=body)


def _with_id(body: BodyT) -> BodyT:
    """The body with an id of its own, if it has none."""
    if getattr(body, "id") is None:  # noqa: B009 # the models have no common class with an id
        return body.model_copy(update={"id": uuid4()})
    return body
