"""Which lines would be refused, were they imported? `onrecord import --dry-run`.

Nothing is recorded and no note is kept. Each line goes through the write door's own checks and the
domain's own decision, over what the lines before it would have made and what is on record. A line
that is on record already counts as one that would be. Not known from here, so refused only by the
import itself: an id on record with another body; what was retracted before these files, retracted
again; a position's revision; more names than an entry holds. Without an onrecord to ask, nothing
is known of what a line names, and a line whose target the files do not make is not looked into.
"""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import orjson
from rich.console import Console

from onrecord.domain.decisions import LedgerState, decide
from onrecord.domain.events import PositionChanged
from onrecord.domain.payload import as_json
from onrecord.domain.requests import ProposedEvent, Refusal, Request, referenced_ids
from onrecord.importing import client
from onrecord.importing.files import Opened, Unreadable
from onrecord.importing.lines import Placed, lines, refused_here, require_headers
from onrecord.importing.lookup import Seen
from onrecord.importing.report import Bar, bar
from onrecord.ingest import lines as door
from onrecord.ingest import record
from onrecord.kit.http.problems import Problem, at

STEP: Final = 500
"""Lines between two looks of the bar."""


@dataclass
class Outlook:
    """What would become of the lines."""

    on_record: int = 0
    """Recorded by this import, or before it; which of the two is not known from here."""
    repeated: int = 0
    refused: int = 0

    @property
    def clean(self) -> bool:
        """Would every line be on record afterwards?"""
        return not self.refused

    def __str__(self) -> str:
        told = f"{self.on_record:,} would be on record, {self.refused:,} would be refused"
        return told + (f"; {self.repeated:,} are there twice" if self.repeated else "")


def check_files(paths: Sequence[Path], *, address: str, console: Console) -> Outlook:
    """Check all lines; what would be refused is printed as an import would print it."""
    require_headers(paths)
    with (
        httpx2.Client(base_url=address, timeout=30) as http,
        bar(console, "Checking", paths) as shown,
        closing(Seen(http if client.answers(http) else None)) as seen,
    ):
        if seen.client is None:
            shown.say(
                f"{address} does not answer as an onrecord does: the shape of each line is"
                " checked, and not whether what it names is on record"
            )
        made = Outlook()
        try:
            for path in paths:
                _check_file(path, made, seen, shown)
        except (KeyboardInterrupt, Unreadable, client.DoorClosed):
            shown.say(f"So far: {made}.")
            raise
    return made


def _check_file(path: Path, made: Outlook, seen: Seen, shown: Bar) -> None:
    shown.reading(path)
    with Opened(path) as opened:
        for n, placed in enumerate(lines(opened), start=1):
            problem, repeated = _judged(placed, seen)
            if problem:
                made.refused += 1
                shown.tell(placed, problem)
            elif repeated:
                made.repeated += 1
            else:
                made.on_record += 1
            if n % STEP == 0:
                shown.advance(opened, STEP)
        shown.finished(opened)


def _judged(placed: Placed, seen: Seen) -> tuple[dict[str, Any] | None, bool]:
    """Why a line would be refused, if it would; and whether it is one that came before."""
    if placed.fault:
        problem: dict[str, Any] = refused_here(placed)["problem"]
        return problem, False
    try:
        return None, _repeats(placed.line, seen)
    except Problem as error:
        return error.body(), False


def _repeats(line: bytes, seen: Seen) -> bool:
    given = door.read(line)
    target = seen.thing(given.target) if given.target else None
    if given.target and target is None and seen.client is None:
        return False  # whether its body fits depends on what it is of
    request = door.request_of(given, target.kind if target else None)
    digest = _digest(request)
    if before := seen.digest(request.id):
        if before == digest:
            return True
        slug = request.events[0].event.makes in ("actor", "topic")
        fault = ("/id", "is on record with another body")
        raise _problem(Refusal("slug-taken" if slug else "id-reused", (fault,)))
    outcome = decide(Request(tuple(map(_whatever_revision, request.events))), _state(request, seen))
    if isinstance(outcome, Refusal) and (seen.client or outcome.reason != "unknown-reference"):
        raise _problem(outcome)
    seen.take(request, digest)
    return False


def _state(request: Request, seen: Seen) -> LedgerState:
    """What there is of all that a request names, apart from what it makes itself."""
    own = {one.event.subject(one.id) for one in request.events if one.event.makes}
    found = {id_: seen.thing(id_) for id_ in referenced_ids(request) if id_ not in own}
    return LedgerState({id_: thing for id_, thing in found.items() if thing})


def _whatever_revision(draft: ProposedEvent) -> ProposedEvent:
    if not isinstance(draft.event, PositionChanged):
        return draft
    event = draft.event.model_copy(update={"expected_revision": None})
    return ProposedEvent(draft.id, event, draft.at)


def _digest(request: Request) -> bytes:
    said = [[one.event.type, as_json(one.event)] for one in request.events]
    return hashlib.blake2b(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def _problem(refusal: Refusal) -> Problem:
    status, detail = record.REFUSALS[refusal.reason]
    errors = [at(f"/body{pointer}", message) for pointer, message in refusal.errors]
    errors += [
        at(f"/body{one.pointer}", f"no {one.kind} {str(one.name)!r} is on record")
        for one in refusal.unknown_references
    ]
    return Problem(status, refusal.reason, detail.format(**refusal.details), errors=errors)
