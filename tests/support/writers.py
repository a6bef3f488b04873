"""Writer processes of `tests/e2e/test_order.py`, which the test stops, kills and freezes.

Each has threads that submit mixed and contended writes, through a `Committer` or `append`. A
process logs each request before it submits it, and the outcome afterwards; after a restart it first
repeats the requests without an outcome. To let the test act between lock and commit it sends
"held", and waits for "go".
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import count, cycle, islice
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Final, Literal, Self
from uuid import UUID, uuid5

import psycopg
from psycopg import RawCursor
from psycopg.conninfo import make_conninfo

from onrecord.domain.requests import Refusal, Request
from onrecord.entrypoints import infrastructure
from onrecord.ingest import write_requests
from onrecord.ingest.schemas import ActorIn, PositionIn, StatementIn
from onrecord.kit.sql import db
from onrecord.ledger import append as append_module
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import Answer, seal_request
from tests.support import bodies
from tests.support.committing import Committer

ROOT: Final = UUID("6f1f1d0c-8f0e-5b57-9a39-0b8a3c1d2e4f")
STATEMENTS_BEFORE_WAIT: Final = 3
"""A writer waits before the third statement of a kind, when all writers are at work."""
BATCH_SIZES: Final = (1, 4, 1, 2)
"""Numbers of requests in each call of `append` by a writer without a committer."""
OUTCOME_KEYS: Final = {"seq", "refused", "failed"}
"""Keys of a log record with an outcome: it has exactly one of them."""

LogRecord = dict[str, Any]
Answers = Sequence[Answer | Refusal | BaseException]


@dataclass(frozen=True)
class Plan:
    """A writer process. `waits_before`: the verbs of the SQL statements before which it waits."""

    name: str
    url: str
    log: Path
    threads: int
    via: Literal["committer", "append"]
    waits_before: tuple[str, ...] = ()
    lock: bool = True


class StatementGate:
    """Blocks a writer before an SQL statement until the test sends "go"."""

    def __init__(self, waits_before: Sequence[str], control: "Pipe[Any, Any]") -> None:
        self.stopping = threading.Event()
        self._waits_before, self._matched = list(waits_before), 0
        self._control, self._go, self._guard = control, threading.Event(), threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def before(self, word: str) -> None:
        with self._guard:
            self._matched += self._waits_before[:1] == [word]
            if self._matched < STATEMENTS_BEFORE_WAIT:
                return
            self._matched = 0
            self._waits_before.pop(0)
        self._control.send("held")
        self._go.wait()
        self._go.clear()

    def _listen(self) -> None:
        while self._control.recv() != "stop":
            self._go.set()
        with self._guard:
            self._waits_before.clear()
        self.stopping.set()
        self._go.set()


def wait_before_statements(gate: StatementGate, *, lock: bool) -> None:
    """Have `append` in this process wait for `gate` before each statement.

    `lock`: whether it takes the ledger's lock.
    """

    class GatedCursor(RawCursor[Any]):
        def execute(self, query: Any, *args: Any, **options: Any) -> Self:
            gate.before(query.split(maxsplit=1)[0])
            if not lock and "pg_advisory_xact_lock" in query:
                return self
            return super().execute(query, *args, **options)

    # the whole process is the test's
    append_module.RawCursor = GatedCursor  # type: ignore[attr-defined]


class NoPipeline:
    """Replaces the pipeline of a connection, so that every statement is a round trip."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def sync(self) -> None:
        pass


def connect_without_pipeline(url: str) -> psycopg.Connection[Any]:
    """The committer's connection, on which every statement is a round trip."""
    conn = infrastructure.writer(url)
    conn.pipeline = NoPipeline  # type: ignore[assignment, method-assign] # of this connection only
    return conn


def run(plan: Plan, control: "Pipe[Any, Any]") -> None:
    """Write until the test sends "stop". The main function of a writer process."""
    gate = StatementGate(plan.waits_before, control)
    url = make_conninfo(plan.url, application_name=plan.name)

    wait_before_statements(gate, lock=plan.lock)

    def connect() -> psycopg.Connection[Any]:
        return connect_without_pipeline(url)

    with (
        plan.log.open("ab", buffering=0) as log,
        closing(db.connect(plan.url, role="onrecord_audit")) as reader,
        ThreadPoolExecutor(plan.threads) as pool,
    ):
        logged = read_log(plan.log)
        if plan.via == "committer":
            committer = Committer(connect, on_commit=lambda _: None)

        def work(thread: int) -> None:
            records = _next_records(thread, logged, reader, gate.stopping)
            if plan.via == "committer":
                submit: Callable[[Sequence[Request]], Answers] = _submit_to_committer(committer)
                sizes = cycle([1])
            else:
                submit, sizes = _append_directly(connect), cycle(BATCH_SIZES)
            while batch := list(islice(records, next(sizes))):
                requests = [request_of(plan.name, record) for record in batch]
                for record in batch:
                    log.write(json.dumps(record).encode() + b"\n")
                for record, answer in zip(batch, submit(requests), strict=True):
                    log.write(json.dumps({**record, **outcome(answer)}).encode() + b"\n")

        for future in [pool.submit(work, thread) for thread in range(plan.threads)]:
            future.result()
        if plan.via == "committer":
            committer.stop()


def read_log(log: Path) -> dict[tuple[int, int], LogRecord]:
    """The last log record of each request, by thread and number."""
    lines = [json.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []
    return {(record["thread"], record["n"]): record for record in lines}


def request_of(name: str, record: LogRecord) -> Request:
    """The request of a log record; the same record gives an equal request."""
    thread, n = record["thread"], record["n"]
    id_ = uuid5(ROOT, f"{name}/{thread}/{n}")
    pair = _pair(thread, n)
    summary = f"{name} {thread} {n}"
    if n % 4 == 0:
        over = {"speakers": [{"actor": pair["actor"]}], "topics": [pair["topic"]]}
        other = {**pair, "stance": "oppose", "actor": bodies.ACTORS[thread % 3]}
        along = [
            bodies.additional_position(**pair, summary=summary),
            bodies.additional_position(**other),
        ]
        body = bodies.statement(**over, positions=along)
        return write_requests.new_statement(StatementIn.model_validate_json(json.dumps(body)), id_)
    if n % 4 == 3:  # every writer registers the same guests
        return write_requests.new_actor(
            ActorIn.model_validate_json(json.dumps(bodies.actor(f"guest-{n}")))
        )
    body = bodies.position(**pair, summary=summary, expected_revision=record["expected"])
    return write_requests.new_position(PositionIn.model_validate_json(json.dumps(body)), id_)


def _pair(thread: int, n: int) -> dict[str, str]:
    return {"actor": bodies.ACTORS[n // 4 % 3], "topic": bodies.TOPICS[thread % 2]}


def _next_records(
    thread: int,
    logged: dict[tuple[int, int], LogRecord],
    reader: psycopg.Connection[Any],
    stopping: threading.Event,
) -> Iterator[LogRecord]:
    """Records of requests: first those without an outcome, then new ones until the test ends."""
    yield from (
        record
        for (logged_thread, _), record in logged.items()
        if logged_thread == thread and not record.keys() & OUTCOME_KEYS
    )
    for n in count(
        1 + max((n for logged_thread, n in logged if logged_thread == thread), default=-1)
    ):
        if n and stopping.is_set():  # each thread submits at least once
            return
        expected = _revision(reader, **_pair(thread, n)) if n % 4 == 1 else None
        yield {"thread": thread, "n": n, "expected": expected}


def _revision(reader: psycopg.Connection[Any], actor: str, topic: str) -> int:
    row = reader.execute(
        "SELECT count(*) FROM ledger.touches WHERE kind = 'pair' AND name = %s",
        [f"{actor}/{topic}"],
    ).fetchone()
    assert row is not None
    revision: int = row[0]
    return revision


def _submit_to_committer(committer: Committer) -> Callable[[Sequence[Request]], Answers]:
    def submit(requests: Sequence[Request]) -> Answers:
        futures = [committer.submit([request]) for request in requests]
        return [result for future in futures for result in future.result(60)]

    return submit


def _append_directly(connect: Callable[[], Any]) -> Callable[[Sequence[Request]], Answers]:
    conn = connect()

    def submit(requests: Sequence[Request]) -> Answers:
        try:
            return append(conn, [seal_request(request) for request in requests])
        except psycopg.Error as error:
            return [error] * len(requests)

    return submit


def outcome(answer: Answer | Refusal | BaseException) -> LogRecord:
    """The fields of a log record for an outcome."""
    if isinstance(answer, Answer):
        return {"seq": answer.seq, "size": answer.size, "at": answer.recorded_at.isoformat()}
    if isinstance(answer, Refusal):
        return {"refused": answer.reason, "current": answer.details.get("current_revision")}
    return {"failed": type(answer).__name__}
