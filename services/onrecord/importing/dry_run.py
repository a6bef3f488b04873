"""Dry run of an import: which lines would be refused. Used by `onrecord import --dry-run`.

Nothing is recorded and no note is kept. Each line passes the write API's own validation and the
domain's own decision, over what earlier lines would have created and what is on record. A line that
is on record already counts as one that would be.

The import alone can refuse an id that is on record with another body, a second retraction of what
was retracted before these files, a position's `expected_revision`, a dismissal's `known_size`, and
more names than an entry can hold. Without an onrecord to ask, references and names are not checked,
and neither is a correction or retraction whose target the files do not create.
"""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from rich.console import Console

from onrecord.client import ApiUnavailable
from onrecord.domain.decisions import LedgerState, decide
from onrecord.domain.ids import unknown_name_message
from onrecord.domain.payload import as_json
from onrecord.domain.requests import Refusal, Request, referenced_ids
from onrecord.importing.cells import CellReader, DateOrder, NameLookup
from onrecord.importing.client import is_onrecord, open_client
from onrecord.importing.files import UTF_8, InputFile, UnreadableFile
from onrecord.importing.lines import SourceLine, describe_tables, read_lines
from onrecord.importing.lookup import IdLookup
from onrecord.importing.report import DryRunSummary, ImportProgress, import_progress
from onrecord.ingest import lines as batch_lines
from onrecord.ingest.recorder import REFUSALS
from onrecord.kit.http.problems import Problem, at

LINES_PER_UPDATE: Final = 500
"""Lines between two updates of the progress bar."""


def check_files(
    paths: Sequence[Path],
    *,
    address: str,
    console: Console,
    encoding: str = UTF_8,
    key: str | None = None,
    dates: DateOrder | None = None,
) -> DryRunSummary:
    """Check all lines; print each one that would be refused as an import prints it.

    Raises `NothingToImport`, and `UnreadableFile` or `ApiUnavailable` after printing how far it
    came.
    """
    tables = describe_tables(paths, encoding)
    with (
        open_client(address, key, timeout=30) as client,
        import_progress(console, "Checking", paths) as progress,
        closing(IdLookup(client if is_onrecord(client) else None)) as lookup,
    ):
        if lookup.client is None:
            progress.print_line(
                f"{address} does not answer as an onrecord does: the shape of each line is"
                " checked, and not whether what it names is on record"
            )
        for sentence in tables:
            progress.print_line(sentence)
        reader = CellReader(dates, NameLookup(lookup.client, lookup.ids_named))
        summary = DryRunSummary()
        try:
            for path in paths:
                with InputFile(path, encoding) as file:
                    _check_file(file, summary, lookup, reader, progress)
        except (KeyboardInterrupt, UnreadableFile, ApiUnavailable):
            progress.print_line(f"So far: {summary}.")
            raise
    return summary


def _check_file(
    file: InputFile,
    summary: DryRunSummary,
    lookup: IdLookup,
    reader: CellReader,
    progress: ImportProgress,
) -> None:
    progress.start_file(file.path)
    for count, line in enumerate(read_lines(file, reader=reader), start=1):
        problem, repeated = _check_line(line, lookup)
        if problem:
            summary.refused += 1
            progress.print_refusal(line, problem)
        elif repeated:
            summary.repeated += 1
        else:
            summary.on_record += 1
        if count % LINES_PER_UPDATE == 0:
            progress.advance(file, LINES_PER_UPDATE)
    progress.finish_file(file)


def _check_line(line: SourceLine, lookup: IdLookup) -> tuple[dict[str, Any] | None, bool]:
    """The problem of a line that would be refused, and whether it repeats an earlier line."""
    if line.problem:
        return line.problem, False
    try:
        return None, _record_in(lookup, line.content)
    except Problem as error:
        return error.body(), False


def _record_in(lookup: IdLookup, content: bytes) -> bool:
    """Add a line to the lookup; whether it repeats an earlier line. Raises a `Problem`."""
    line = batch_lines.parse_line(content)
    target = lookup.entity(line.target) if line.target else None
    if line.target and target is None and lookup.client is None:
        return False  # the shape of its body depends on the unknown target's kind
    request = batch_lines.request_of(line, target.kind if target else None)
    digest = _digest(request)
    if earlier := lookup.digest(request.id):
        if earlier == digest:
            return True
        is_slug = request.events[0].event.makes in ("actor", "topic")
        fault = ("/id", "is on record with another body")
        raise _problem(Refusal("slug-taken" if is_slug else "id-reused", (fault,)))
    outcome = decide(request, _state(request, lookup), check_revisions=False)
    if isinstance(outcome, Refusal) and (lookup.client or outcome.reason != "unknown-reference"):
        raise _problem(outcome)
    lookup.add(request, digest)
    return False


def _state(request: Request, lookup: IdLookup) -> LedgerState:
    """The state of all entities that a request refers to, except those that it creates itself."""
    created = {proposed.subject for proposed in request.events if proposed.event.makes}
    entities = {id_: lookup.entity(id_) for id_ in referenced_ids(request) if id_ not in created}
    known = {id_: entity for id_, entity in entities.items() if entity}
    return LedgerState(datetime.now(UTC), known)


def _digest(request: Request) -> bytes:
    events = [[proposed.event.type, as_json(proposed.event)] for proposed in request.events]
    data = orjson.dumps(events, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(data, digest_size=16).digest()


def _problem(refusal: Refusal) -> Problem:
    status, detail = REFUSALS[refusal.reason]
    errors = [at(f"/body{pointer}", message) for pointer, message in refusal.errors]
    errors += [
        at(f"/body{unknown.pointer}", unknown_name_message(unknown.kind, unknown.name))
        for unknown in refusal.unknown_references
    ]
    return Problem(status, refusal.reason, detail.format(**refusal.details), errors=errors)
