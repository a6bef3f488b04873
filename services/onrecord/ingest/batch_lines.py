"""Recording of a batch's lines in groups. Used by `batch`.

Lines go to the committer in groups, so that they share transactions, and the next group is parsed
while the one before is recorded. Results are spooled in the order of the lines.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from fastapi import Request

from onrecord.domain.requests import Request as WriteRequest
from onrecord.ingest.lines import parse_line, request_of
from onrecord.ingest.recorder import Recorder, written_id
from onrecord.ingest.schemas import Line
from onrecord.ingest.turns import Pace
from onrecord.ingest.write_log import WriteLog
from onrecord.kit.http.body_memory import BodyMemory, BodyShare, no_memory
from onrecord.kit.http.json_bytes import json_bytes
from onrecord.kit.http.problems import Problem, problem_of
from onrecord.kit.http.spool import ResponseSpool
from onrecord.kit.http.strict_bodies import MAX_BODY
from onrecord.kit.sql import db
from onrecord.ledger.evaluate import Answer
from onrecord.ledger.read import KIND

LINES_PER_GROUP: Final = 200
"""Lines handed to the committer together."""

BYTES_PER_GROUP: Final = 8 * MAX_BODY

NumberedLines = AsyncIterator[tuple[int, bytes | Problem]]
"""A problem takes the place of a line for which there was no room in memory."""

GROUPS_IN_FLIGHT: Final = 2
"""One is parsed while the database is busy with the one before."""

READ_SECONDS: Final = 10.0
"""How long a full spool waits for the client; less than the server waits for an answer to move."""


@dataclass
class _LineGroup:
    """Numbered lines that go to the committer together: a write of each, or why it is refused."""

    lines: list[tuple[int, WriteRequest | Problem]] = field(default_factory=list)
    size: int = 0
    """Bytes."""

    @property
    def full(self) -> bool:
        return len(self.lines) >= LINES_PER_GROUP or self.size > BYTES_PER_GROUP


async def record_lines(recorder: Recorder, request: Request, spool: ResponseSpool) -> None:
    """Record the lines of a request's body, and spool a result for each.

    If the spool is full, it reads on when the client has read. If the client does not, it records
    no more lines, drops the rest of the body, and says so in a last result.
    """
    memory: BodyMemory = request.state.body_memory
    with memory.share() as unfinished_share, memory.share() as lines_share:
        await _record_lines(recorder, numbered_lines(request, unfinished_share), lines_share, spool)


async def _record_lines(
    recorder: Recorder, lines: NumberedLines, lines_share: BodyShare, spool: ResponseSpool
) -> None:
    """`lines_share`: the memory of the lines that are not recorded yet."""
    group, pace = _LineGroup(), Pace(recorder.turns)
    in_flight: deque[asyncio.Task[None]] = deque()
    first_refused: int | None = None

    async def record_all_before() -> None:
        nonlocal group
        await _wait_for_groups(in_flight, at_most=0)
        await _record_group(recorder, group, spool)
        group = _LineGroup()
        lines_share.resize(0)

    try:
        async for number, line in lines:
            size = 0 if isinstance(line, Problem) else len(line)
            spool.allow_for(size)
            if (
                first_refused is None
                and spool.is_full
                and not await spool.wait_until_read(READ_SECONDS)
            ):
                first_refused = number
            await pace.keep()  # refused lines wait for nothing else
            if first_refused is not None:
                continue  # a client that sends everything before it reads would wait for ever
            write = write_of(line)
            if isinstance(write, Line):
                # The ledger is asked for the kind of its target, which an earlier line may record.
                await record_all_before()
                write = await amendment_of(recorder, write)
            group.lines.append((number, write))
            group.size += size
            if not lines_share.resize(lines_share.size + size):
                await record_all_before()
            elif group.full:
                await _wait_for_groups(in_flight, at_most=GROUPS_IN_FLIGHT - 1)
                before = in_flight[-1] if in_flight else None
                task = asyncio.create_task(_record_group(recorder, group, spool, before))
                task.add_done_callback(partial(_release, lines_share, group.size))
                in_flight.append(task)
                group = _LineGroup()
        await record_all_before()
        if first_refused is not None:
            spool.put(json_bytes(_unread(first_refused, recorder.write_log), newline=True))
    finally:
        for task in in_flight:
            task.cancel()
        spool.end()


def _release(lines_share: BodyShare, size: int, _: asyncio.Task[None]) -> None:
    lines_share.resize(max(0, lines_share.size - size))  # less if the batch has ended


async def _wait_for_groups(in_flight: deque[asyncio.Task[None]], *, at_most: int) -> None:
    """Wait until at most so many groups have not been answered."""
    while len(in_flight) > at_most:
        await in_flight[0]
        in_flight.popleft()


def write_of(line: bytes | Problem) -> WriteRequest | Problem | Line:
    """The write in a line; the line itself if it corrects or retracts something on record."""
    if isinstance(line, Problem):
        return line
    try:
        parsed = parse_line(line)
        return parsed if parsed.target is not None else request_of(parsed)
    except Problem as problem:
        return problem


async def amendment_of(recorder: Recorder, line: Line) -> WriteRequest | Problem:
    """The write in a line that corrects or retracts something on record."""
    try:
        targets = await db.fetch_all(recorder.pool, KIND, {"id": line.target})
        return request_of(line, targets[0]["kind"] if targets else None)
    except Exception as error:  # any error is this line's alone
        return problem_of(error)


async def _record_group(
    recorder: Recorder,
    group: _LineGroup,
    spool: ResponseSpool,
    before: asyncio.Task[None] | None = None,
) -> None:
    """Record lines, and spool their results after those of the group `before`."""
    writes = [write for _, write in group.lines if not isinstance(write, Problem)]
    outcomes = iter(await recorder.record_all(writes))
    if before:
        await before
    results: list[bytes] = []
    pace = Pace(recorder.turns)
    for number, write in group.lines:
        await pace.keep()
        outcome = write if isinstance(write, Problem) else next(outcomes)
        results.append(line_result(number, write, outcome, recorder.write_log))
    spool.put(b"".join(results))


def line_result(
    number: int,
    write: WriteRequest | Problem,
    outcome: Answer | BaseException,
    write_log: WriteLog,
    *,
    dry_run: bool = False,
) -> bytes:
    """The result of a line in NDJSON. `outcome`: of its write, or the problem of the line."""
    if isinstance(write, Problem):
        result = _refused(write, write_log)
    elif isinstance(outcome, Answer):
        write_log.note_answer(outcome, dry_run=dry_run)
        status = 200 if outcome.repeated else 201
        id_ = written_id(write, outcome)
        result = {"status": status, "id": id_, "seq": outcome.seq, "size": outcome.size}
    else:
        result = _refused(_below_body(outcome), write_log)
    about = {"dry_run": True} if dry_run else {}
    return json_bytes({"line": number, **result, **about}, newline=True)


def _refused(error: BaseException, write_log: WriteLog) -> dict[str, Any]:
    problem = problem_of(error)
    write_log.note_refused_line(problem.code)
    return {"status": problem.status_code, "problem": problem.body()}


def _unread(number: int, write_log: WriteLog) -> dict[str, Any]:
    """The result of a line from which on nothing is recorded, as earlier results were not read."""
    detail = (
        "The results before this one were not read. This line and all after it are not recorded:"
        " send them in another request, and read results while you send."
    )
    return {"line": number, **_refused(Problem(413, "unread-results", detail), write_log)}


def _below_body(error: BaseException) -> BaseException:
    if isinstance(error, Problem):
        error.errors = [{**fault, "pointer": f"/body{fault['pointer']}"} for fault in error.errors]
    return error


async def numbered_lines(request: Request, unfinished_share: BodyShare) -> NumberedLines:
    """Lines with their numbers, from 1. Blank lines are skipped.

    Of an overlong line, only one byte more than a line may have is kept. A line for whose parts
    there is no room is a problem. `unfinished_share`: the memory of a line that has not ended.
    """
    number, rest, has_room = 1, bytearray(), True
    async for chunk in request.stream():
        *whole, last = chunk.split(b"\n")
        for part in whole:
            rest += part
            if not has_room:
                yield number, no_memory()
            elif rest.strip() or len(rest) > MAX_BODY:
                yield number, bytes(rest[: MAX_BODY + 1])
            number, has_room = number + 1, True
            rest.clear()
        rest += last
        del rest[MAX_BODY + 1 :]
        has_room = has_room and unfinished_share.resize(len(rest))
        if not has_room:
            rest.clear()
    if not has_room:
        yield number, no_memory()
    elif rest.strip() or len(rest) > MAX_BODY:
        yield number, bytes(rest[: MAX_BODY + 1])
