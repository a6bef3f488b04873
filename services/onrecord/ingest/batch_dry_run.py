"""Dry run of a batch's lines: all evaluated together, and nothing recorded. Used by `batch`.

Each line is evaluated over what those before it would record, so they are collected first, and
their number is bounded. `onrecord import --dry-run` checks files of any length by itself.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from fastapi import Request

from onrecord.domain.ids import EntityKind
from onrecord.domain.requests import Request as WriteRequest
from onrecord.ingest.batch_lines import (
    BYTES_PER_GROUP,
    NumberedLines,
    amendment_of,
    line_result,
    numbered_lines,
    write_of,
)
from onrecord.ingest.lines import request_of
from onrecord.ingest.recorder import Recorder
from onrecord.ingest.schemas import Line
from onrecord.ingest.turns import Pace
from onrecord.kit.http.body_memory import BodyMemory, BodyShare, no_memory
from onrecord.kit.http.problems import Problem, problem_of
from onrecord.kit.http.spool import ResponseSpool

MAX_LINES: Final = 2_000

_TOO_MANY: Final = (
    f"A dry run takes {MAX_LINES:,} lines and {BYTES_PER_GROUP // 2**20} MiB. This line and all"
    " after it are not evaluated: send them in another one."
)


async def dry_run_lines(recorder: Recorder, request: Request, spool: ResponseSpool) -> None:
    """Evaluate the lines of a request's body, and spool a result for each."""
    memory: BodyMemory = request.state.body_memory
    pace = Pace(recorder.turns)
    try:
        with memory.share() as unfinished_share, memory.share() as lines_share:
            lines = numbered_lines(request, unfinished_share)
            writes = await _writes(recorder, lines, lines_share, pace)
            requests = [write for _, write in writes if not isinstance(write, Problem)]
            outcomes = iter(await recorder.record_all(requests, dry_run=True))
            for number, write in writes:
                await pace.keep()
                outcome = write if isinstance(write, Problem) else next(outcomes)
                spool.put(line_result(number, write, outcome, recorder.write_log, dry_run=True))
    finally:
        spool.end()


async def _writes(
    recorder: Recorder, lines: NumberedLines, lines_share: BodyShare, pace: Pace
) -> Sequence[tuple[int, WriteRequest | Problem]]:
    """The write in each line, numbered, or why the line is refused; the last is the first beyond
    the limits. `lines_share`: their memory.
    """
    writes: list[tuple[int, WriteRequest | Problem]] = []
    created: dict[UUID, EntityKind] = {}
    is_over = False
    async for number, line in lines:
        await pace.keep()
        if is_over:
            continue  # a client that sends everything before it reads would wait for ever
        size = lines_share.size + (0 if isinstance(line, Problem) else len(line))
        if len(writes) >= MAX_LINES or size > BYTES_PER_GROUP:
            writes.append((number, Problem(413, "too-large", _TOO_MANY)))
            is_over = True
            continue
        if not lines_share.resize(size):
            writes.append((number, no_memory()))
            continue
        write = write_of(line)
        if isinstance(write, Line):
            write = await _amendment(recorder, write, created)
        if not isinstance(write, Problem):
            for proposed in write.events:
                if proposed.event.makes:
                    created[proposed.subject] = proposed.event.makes
        writes.append((number, write))
    return writes


async def _amendment(
    recorder: Recorder, line: Line, created: dict[UUID, EntityKind]
) -> WriteRequest | Problem:
    if line.target not in created:
        return await amendment_of(recorder, line)
    try:
        return request_of(line, created[line.target])
    except Exception as error:  # any error is this line's alone
        return problem_of(error)
