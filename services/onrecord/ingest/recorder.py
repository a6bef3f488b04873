"""The recorder: submits requests to the committer, turns refusals and errors into problems.

Used by `responses`, `batch` and the routes; created by `entrypoints.app_factory`.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Annotated, Final

import psycopg
from fastapi import Depends
from fastapi import Request as HttpRequest

from onrecord.domain.events import ActorMerged, ActorUnmerged
from onrecord.domain.ids import unknown_name_message
from onrecord.domain.requests import Refusal, Request
from onrecord.ingest.schemas import Recorded
from onrecord.ingest.similar import SimilarStatements
from onrecord.ingest.turns import Turns
from onrecord.ingest.write_log import WriteLog
from onrecord.kit.http.caller import caller_of
from onrecord.kit.http.log_fields import LOG_FIELDS
from onrecord.kit.http.problems import Problem, at, unavailable
from onrecord.kit.sql.db import Pool
from onrecord.ledger.committer import Committer
from onrecord.ledger.dry_run import DryRunner
from onrecord.ledger.evaluate import LOCAL, Answer
from onrecord.ledger.names import MAX_SUGGESTIONS, Name, nearest_slugs
from onrecord.ledger.outcomes import LedgerFailure

REFUSALS: Final[dict[str, tuple[int, str]]] = {
    "unknown-reference": (422, "The request names things that are not on record."),
    "unknown-target": (404, "There is no {kind} of this id on record."),
    "already-retracted": (409, "The {kind} is retracted already."),
    "merged": (
        409,
        "The actor is merged into {into!r}; write about {into!r}, or unmerge it first.",
    ),
    "not-merged": (409, "The actor is not merged into another."),
    "self-reference": (422, "The request names itself where it must name something else."),
    "id-reused": (422, "The id is on record with another body; the same write has the same body."),
    "slug-taken": (409, "The id is taken; an actor or topic is registered once."),
    "revision-conflict": (409, "The position changed since; read it again and decide anew."),
    "entry-too-large": (422, "The request names more than an entry can hold; split it."),
    "future-date": (422, "A statement cannot be dated more than a day ahead."),
    "finding-changed": (409, "What the finding is about changed since; read the review again."),
    "invalid": (422, "Some fields cannot be accepted; errors names each."),
}
"""HTTP status and detail of each reason for which the domain refuses a request."""


@dataclass(frozen=True)
class Recorder:
    """The resources of the write API: the process's committer, its dry runs, and a pool for
    look-ups; and the turns of its batches.

    `recorded_by`: the caller of the request, whose id every entry names. `write_log`: for the
    request's log line.
    """

    committer: Committer
    pool: Pool
    dry_runner: DryRunner
    similar: SimilarStatements
    turns: Turns = field(default_factory=Turns)
    recorded_by: str = LOCAL
    write_log: WriteLog = field(default_factory=lambda: WriteLog({}))

    async def record(self, request: Request, *, dry_run: bool = False) -> Answer:
        """Record a request, or only evaluate it. Raises a `Problem` if it is refused or fails."""
        submit = self.dry_runner.evaluate if dry_run else self.committer.submit
        try:
            (outcome,) = await submit([request], self.recorded_by)
        except LedgerFailure as error:
            raise _ledger_problem(error) from None
        if isinstance(outcome, Answer):
            self.write_log.note_answer(outcome, dry_run=dry_run)
            return outcome
        if isinstance(outcome, Refusal):
            raise await self._refusal_problem(outcome)
        raise _ledger_problem(outcome) from None

    async def record_all(
        self, requests: Sequence[Request], *, dry_run: bool = False
    ) -> list[Answer | BaseException]:
        """Record requests in this order, or only evaluate them; for each its answer, or why it was
        not recorded.

        Cancelling the call withdraws the requests, unless the committer has begun with them.
        """
        if not requests:
            return []
        submit = self.dry_runner.evaluate if dry_run else self.committer.submit
        try:
            outcomes = await submit(requests, self.recorded_by)
        except LedgerFailure as error:
            return [_ledger_problem(error) for _ in requests]
        refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
        problems = iter(await asyncio.gather(*map(self._refusal_problem, refusals)))
        results: list[Answer | BaseException] = []
        for outcome in outcomes:
            if isinstance(outcome, Answer):
                results.append(outcome)
            elif isinstance(outcome, Refusal):
                results.append(next(problems))
            else:
                results.append(_ledger_problem(outcome))
        return results

    async def _refusal_problem(self, refusal: Refusal) -> Problem:
        status, detail = REFUSALS[refusal.reason]
        errors = [at(pointer, message) for pointer, message in refusal.errors]
        for n, reference in enumerate(refusal.unknown_references):
            nearest: Sequence[str] = ()
            if reference.kind in ("actor", "topic") and n < MAX_SUGGESTIONS:
                with suppress(psycopg.Error):  # it is refused with or without suggestions
                    name = Name(reference.kind, str(reference.name))
                    nearest = await nearest_slugs(self.pool, name)
            message = unknown_name_message(reference.kind, reference.name, nearest)
            errors.append(at(reference.pointer, message))
        return Problem(
            status,
            refusal.reason,
            detail.format(**refusal.details),
            errors=errors,
            about={name: value for name, value in refusal.details.items() if name != "kind"},
        )


async def get_recorder(request: HttpRequest) -> Recorder:
    """FastAPI dependency: the recorder in the application's lifespan state, for this caller.

    The caller is no dependency of its own: FastAPI would go through all parameters once more.
    """
    recorder: Recorder = request.state.recorder
    return replace(
        recorder,
        recorded_by=caller_of(request).recorded_by,
        write_log=WriteLog(request.scope["state"][LOG_FIELDS]),
    )


RecorderDep = Annotated[Recorder, Depends(get_recorder)]


def _ledger_problem(error: Exception) -> Exception:
    """The problem that answers an error of the committer; other errors are returned unchanged."""
    return unavailable(error.code, error.detail) if isinstance(error, LedgerFailure) else error


def written_id(request: Request, answer: Answer) -> str:
    """The id of the actor, topic, statement, position or dismissal that was written."""
    event = request.events[0].event
    if event.makes in (
        "statement",
        "position",
        "dismissal",
    ):  # pydantic is slow to say that there is no `id`
        return str(answer.event)
    if isinstance(event, ActorMerged | ActorUnmerged):
        return event.actor
    return getattr(event, "id", None) or str(event.subject(answer.event))


def recorded(request: Request, answer: Answer, *, dry_run: bool = False) -> Recorded:
    """The body of the answer to a write, or to its dry run."""
    return Recorded(
        id=written_id(request, answer),
        event=answer.event,
        seq=answer.seq,
        size=answer.size,
        recorded_at=answer.recorded_at,
        positions=answer.along,
        dry_run=dry_run,
    )
