"""Writer processes of `tests/e2e/test_order.py`, which the test stops, kills and freezes.

Each has threads that submit mixed and contended writes, through a `Committer` or `append`. A
process logs each request before it submits it, and the outcome afterwards; started again, it first
repeats what has no outcome. To let the test act between lock and commit it sends "held", and waits
for "go".
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
from onrecord.entrypoints import app_factory
from onrecord.ingest import write_requests
from onrecord.ingest.schemas import ActorIn, PositionIn, StatementIn
from onrecord.kit.sql import db
from onrecord.ledger import append as append_module
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import Answer, seal_request
from tests.support import bodies
from tests.support.committing import Committer

ROOT: Final = UUID("6f1f1d0c-8f0e-5b57-9a39-0b8a3c1d2e4f")
PASSED: Final = 3
"""A writer is held at the third statement of a kind, when all writers are at work."""
SIZES: Final = (1, 4, 1, 2)
"""Numbers of requests in each call of `append` by a writer without a committer."""
ENDS: Final = {"seq", "refused", "failed"}
"""Keys of a note with an outcome: each has exactly one of them."""

Note = dict[str, Any]
Answers = Sequence[Answer | Refusal | BaseException]


@dataclass(frozen=True)
class Plan:
    """A writer process. `holds`: the first words of the statements before which it waits."""

    name: str
    url: str
    log: Path
    threads: int
    via: Literal["committer", "append"]
    holds: tuple[str, ...] = ()
    lock: bool = True


class Brake:
    """Holds a writer before a statement until the test says "go"."""

    def __init__(self, holds: Sequence[str], control: "Pipe[Any, Any]") -> None:
        self.over = threading.Event()
        self._holds, self._passed = list(holds), 0
        self._control, self._go, self._guard = control, threading.Event(), threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def before(self, word: str) -> None:
        with self._guard:
            self._passed += self._holds[:1] == [word]
            if self._passed < PASSED:
                return
            self._passed = 0
            self._holds.pop(0)
        self._control.send("held")
        self._go.wait()
        self._go.clear()

    def _listen(self) -> None:
        while self._control.recv() != "stop":
            self._go.set()
        with self._guard:
            self._holds.clear()
        self.over.set()
        self._go.set()


def hold_at_statements(brake: Brake, *, lock: bool) -> None:
    """Have `append` in this process wait for `brake` before each statement.

    `lock`: whether it takes the ledger's lock.
    """

    class HeldCursor(RawCursor[Any]):
        def execute(self, query: Any, *args: Any, **options: Any) -> Self:
            brake.before(query.split(maxsplit=1)[0])
            if not lock and "pg_advisory_xact_lock" in query:
                return self
            return super().execute(query, *args, **options)

    # the whole process is the test's
    append_module.RawCursor = HeldCursor  # type: ignore[attr-defined]


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
    conn = app_factory.writer(url)
    conn.pipeline = NoPipeline  # type: ignore[assignment, method-assign] # of this one alone
    return conn


def run(plan: Plan, control: "Pipe[Any, Any]") -> None:
    """Write until the test sends "stop". The main function of a writer process."""
    brake = Brake(plan.holds, control)
    url = make_conninfo(plan.url, application_name=plan.name)

    hold_at_statements(brake, lock=plan.lock)

    def connect() -> psycopg.Connection[Any]:
        return connect_without_pipeline(url)

    with (
        plan.log.open("ab", buffering=0) as log,
        closing(db.connect(plan.url, role="onrecord_audit")) as reader,
        ThreadPoolExecutor(plan.threads) as pool,
    ):
        before = notes(plan.log)
        if plan.via == "committer":
            committer = Committer(connect, on_commit=lambda: None)

        def work(thread: int) -> None:
            asking = _asked(thread, before, reader, brake.over)
            if plan.via == "committer":
                hand_in: Callable[[Sequence[Request]], Answers] = _by(committer)
                sizes = cycle([1])
            else:
                hand_in, sizes = _straight(connect), cycle(SIZES)
            while batch := list(islice(asking, next(sizes))):
                requests = [request_of(plan.name, asked) for asked in batch]
                for asked in batch:
                    log.write(json.dumps(asked).encode() + b"\n")
                for asked, answer in zip(batch, hand_in(requests), strict=True):
                    log.write(json.dumps({**asked, **outcome(answer)}).encode() + b"\n")

        for future in [pool.submit(work, thread) for thread in range(plan.threads)]:
            future.result()
        if plan.via == "committer":
            committer.stop()


def notes(log: Path) -> dict[tuple[int, int], Note]:
    """The last note of each request, by thread and number."""
    lines = [json.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []
    return {(one["thread"], one["n"]): one for one in lines}


def request_of(name: str, asked: Note) -> Request:
    """The request of a note: equal each time."""
    thread, n = asked["thread"], asked["n"]
    id_ = uuid5(ROOT, f"{name}/{thread}/{n}")
    on = _pair(thread, n)
    summary = f"{name} {thread} {n}"
    if n % 4 == 0:
        over = {"speakers": [{"actor": on["actor"]}], "topics": [on["topic"]]}
        other = {**on, "stance": "oppose", "actor": bodies.ACTORS[thread % 3]}
        along = [
            bodies.additional_position(**on, summary=summary),
            bodies.additional_position(**other),
        ]
        body = bodies.statement(**over, positions=along)
        return write_requests.new_statement(StatementIn.model_validate_json(json.dumps(body)), id_)
    if n % 4 == 3:  # every writer registers the same guests
        return write_requests.new_actor(
            ActorIn.model_validate_json(json.dumps(bodies.actor(f"guest-{n}")))
        )
    body = bodies.position(**on, summary=summary, expected_revision=asked["expected"])
    return write_requests.new_position(PositionIn.model_validate_json(json.dumps(body)), id_)


def _pair(thread: int, n: int) -> dict[str, str]:
    return {"actor": bodies.ACTORS[n // 4 % 3], "topic": bodies.TOPICS[thread % 2]}


def _asked(
    thread: int,
    before: dict[tuple[int, int], Note],
    reader: psycopg.Connection[Any],
    over: threading.Event,
) -> Iterator[Note]:
    """Notes of requests: first those without an outcome, then new ones until the test ends."""
    yield from (one for (of, _), one in before.items() if of == thread and not one.keys() & ENDS)
    for n in count(1 + max((n for of, n in before if of == thread), default=-1)):
        if n and over.is_set():  # each thread submits at least once
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


def _by(committer: Committer) -> Callable[[Sequence[Request]], Answers]:
    def hand_in(requests: Sequence[Request]) -> Answers:
        futures = [committer.submit([one]) for one in requests]
        return [found for one in futures for found in one.result(60)]

    return hand_in


def _straight(connect: Callable[[], Any]) -> Callable[[Sequence[Request]], Answers]:
    conn = connect()

    def hand_in(requests: Sequence[Request]) -> Answers:
        try:
            return append(conn, [seal_request(one) for one in requests])
        except psycopg.Error as error:
            return [error] * len(requests)

    return hand_in


def outcome(answer: Answer | Refusal | BaseException) -> Note:
    """The outcome as it stands in a note."""
    if isinstance(answer, Answer):
        return {"seq": answer.seq, "size": answer.size, "at": answer.recorded_at.isoformat()}
    if isinstance(answer, Refusal):
        return {"refused": answer.reason, "current": answer.details.get("current_revision")}
    return {"failed": type(answer).__name__}
