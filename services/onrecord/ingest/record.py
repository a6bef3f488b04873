"""How does what a writer said become a request, and the ledger's answer an answer to the writer?

Called by `routes` and `batch`. Nothing here decides: shapes are checked by `schemas`, the rest by
`domain.decisions` under the ledger's lock.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar
from uuid import UUID

import psycopg
from pydantic import BaseModel

from onrecord.domain.event import Event
from onrecord.domain.events import (
    ActorMerged,
    ActorRegistered,
    ActorRevised,
    ActorUnmerged,
    PayloadErased,
    PositionChanged,
    PositionCorrected,
    PositionRetracted,
    StatementCorrected,
    StatementMade,
    StatementRetracted,
    TopicRegistered,
    TopicRevised,
)
from onrecord.domain.ids import additional_event_id
from onrecord.domain.requests import ProposedEvent, Refusal, Request
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
from onrecord.kit.http.problems import Problem, at, unavailable
from onrecord.kit.sql.db import Pool, Row, rows
from onrecord.ledger.committer import Committer
from onrecord.ledger.evaluate import Answer
from onrecord.ledger.outcomes import LedgerBusy, LedgerUnavailable, OutcomeUnknown
from onrecord.ledger.read import NEAREST

E = TypeVar("E", bound=Event)

HELPED: Final = 10
"""Unknown names of one request for which the nearest are looked up."""


@dataclass(frozen=True)
class Recorder:
    """The write door's way to the ledger: one committer, and a pool for looking things up."""

    committer: Committer
    pool: Pool

    async def record(self, request: Request) -> Answer:
        """Have a request recorded. Raises a `Problem` where it is not."""
        try:
            (found,) = await self.committer.submit([request])
        except (LedgerBusy, LedgerUnavailable) as error:
            raise _as_problem(error) from None
        if isinstance(found, Answer):
            return found
        if isinstance(found, Refusal):
            raise await self._problem(found)
        raise _as_problem(found) from None

    async def record_all(self, requests: Sequence[Request]) -> list[Answer | BaseException]:
        """Have requests recorded in this order; for each its answer, or why it was not.

        Cancelled, it withdraws them, unless the committer has begun with them.
        """
        if not requests:
            return []
        try:
            found = await self.committer.submit(requests)
        except (LedgerBusy, LedgerUnavailable) as error:
            return [_as_problem(error) for _ in requests]
        refused = [self._problem(one) for one in found if isinstance(one, Refusal)]
        problems = iter(await asyncio.gather(*refused) if refused else ())
        told: list[Answer | BaseException] = []
        for one in found:
            if isinstance(one, Refusal):
                told.append(next(problems))
            else:
                told.append(_as_problem(one) if isinstance(one, Exception) else one)
        return told

    async def _problem(self, refusal: Refusal) -> Problem:
        status, detail = REFUSALS[refusal.reason]
        errors = [at(pointer, message) for pointer, message in refusal.errors]
        for n, one in enumerate(refusal.unknown_references):
            message = f"no {one.kind} {str(one.name)!r} is on record"
            if one.kind in ("actor", "topic") and n < HELPED:
                asked = {"kind": one.kind, "slug": str(one.name)}
                found: Sequence[Row] = ()
                with suppress(psycopg.Error):  # it is refused with or without this help
                    found = await rows(self.pool, NEAREST, asked)
                near = ", ".join(repr(row["slug"]) for row in found)
                message += f"; the nearest are {near}" if near else ""
            errors.append(at(one.pointer, message))
        return Problem(
            status,
            refusal.reason,
            detail.format(**refusal.details),
            errors=errors,
            about={k: v for k, v in refusal.details.items() if k != "kind"},
        )


def _as_problem(error: Exception) -> Exception:
    """What a writer is told of the committer's errors; others stay what they are."""
    if isinstance(error, LedgerBusy):
        return unavailable("busy", "Too many writes are waiting; repeat this one.")
    if isinstance(error, LedgerUnavailable):
        return unavailable(
            "ledger-unavailable", "The ledger cannot be reached; nothing was recorded."
        )
    if isinstance(error, OutcomeUnknown):
        return unavailable(
            "outcome-unknown",
            "The ledger was lost while it committed: repeat the request with the same id.",
        )
    return error


REFUSALS: Final[dict[str, tuple[int, str]]] = {
    "unknown-reference": (422, "The request names things that are not on record."),
    "unknown-target": (404, "There is no {kind} of this id on record."),
    "already-retracted": (409, "The {kind} is retracted already."),
    "merged": (409, "The actor is merged into {into!r}; write of that one, or unmerge it first."),
    "not-merged": (409, "The actor is not merged into another."),
    "self-reference": (422, "The request names itself where it must name something else."),
    "id-reused": (422, "The id is on record with another body; the same write has the same body."),
    "slug-taken": (409, "The id is taken; an actor or topic is registered once."),
    "revision-conflict": (409, "The position changed since; read it again and decide anew."),
    "entry-too-large": (422, "The request names more than an entry can hold; split it."),
}


def actor(body: ActorIn) -> Request:
    """Register an actor."""
    event = _as(ActorRegistered, body)
    return Request((ProposedEvent(event.subject(_NO_ID), event),))


def topic(body: TopicIn) -> Request:
    """Register a topic."""
    event = _as(TopicRegistered, body)
    return Request((ProposedEvent(event.subject(_NO_ID), event),))


def actor_revision(body: ActorRevisionIn, id_: UUID, slug: str) -> Request:
    """Give an actor a new state."""
    return Request((ProposedEvent(id_, _as(ActorRevised, body, id=slug)),))


def merge(body: MergeIn, id_: UUID, slug: str) -> Request:
    """Have reads of an actor mean another one."""
    return Request((ProposedEvent(id_, _as(ActorMerged, body, actor=slug)),))


def unmerge(body: UnmergeIn, id_: UUID, slug: str) -> Request:
    """Have reads of an actor mean itself again."""
    return Request((ProposedEvent(id_, _as(ActorUnmerged, body, actor=slug)),))


def topic_revision(body: TopicRevisionIn, id_: UUID, slug: str) -> Request:
    """Give a topic a new state."""
    return Request((ProposedEvent(id_, _as(TopicRevised, body, id=slug)),))


def statement(body: StatementIn, id_: UUID) -> Request:
    """Record a statement, and its positions along with it."""
    drafts = [ProposedEvent(id_, _as(StatementMade, body))]
    for n, one in enumerate(body.positions):
        basis = (id_, *(given for given in one.basis if given != id_))
        event = _as(PositionChanged, one, basis=basis, coder=one.coder or body.coder)
        drafts.append(ProposedEvent(additional_event_id(id_, n), event, f"/positions/{n}"))
    return Request(tuple(drafts))


def position(body: PositionIn, id_: UUID) -> Request:
    """Record a position."""
    return Request((ProposedEvent(id_, _as(PositionChanged, body)),))


def amendment(
    event_class: type[
        StatementCorrected | StatementRetracted | PositionCorrected | PositionRetracted
    ],
    body: StatementCorrectionIn | PositionCorrectionIn | RetractionIn,
    id_: UUID,
    target: UUID,
) -> Request:
    """Correct or retract the statement or position `target`."""
    return Request((ProposedEvent(id_, _as(event_class, body, target=target)),))


def erasure(body: ErasureIn, id_: UUID, target: UUID) -> Request:
    """Erase words of the statement `target`."""
    return Request((ProposedEvent(id_, _as(PayloadErased, body, target=target)),))


def thing(request: Request, answer: Answer) -> str:
    """The id of the thing that was written."""
    event = request.events[0].event
    if event.makes in ("statement", "position"):  # pydantic is slow to say that there is no `id`
        return str(answer.event)
    if isinstance(event, ActorMerged | ActorUnmerged):
        return event.actor
    return getattr(event, "id", None) or str(event.subject(answer.event))


def recorded(request: Request, answer: Answer) -> Recorded:
    """What the writer is told."""
    return Recorded(
        id=thing(request, answer),
        event=answer.event,
        seq=answer.seq,
        size=answer.size,
        recorded_at=answer.recorded_at,
        positions=answer.along,
    )


_NO_ID: Final = UUID(int=0)


def _as(event_class: type[E], body: BaseModel, **more: Any) -> E:
    """The event that a checked body is: the fields that it shares, without checking them again.

    As `model_construct` does, which goes through all that a field may have besides a name and
    takes four times as long.
    """
    given = body.__dict__
    fields = {name: given[name] for name in _names(event_class) if name in given} | more
    event = event_class.__new__(event_class)
    for name, value in (
        ("__dict__", fields),
        ("__pydantic_fields_set__", set(fields)),
        ("__pydantic_extra__", None),
        ("__pydantic_private__", None),
    ):
        object.__setattr__(event, name, value)
    return event


@cache
def _names(event_class: type[Event]) -> tuple[str, ...]:
    return tuple(event_class.model_fields)
