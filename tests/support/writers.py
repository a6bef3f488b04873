"""What does a process that writes do, until it is told to stop, or killed?

`tests/e2e/test_order.py` starts many of these, each with threads that ask for mixed and contended
writes, by a `Committer` or straight by `append`. A process notes what it asks for before it asks
and what it is told after, in a log that outlives it; started again it first repeats what was not
answered. To be met between lock and commit it says "held" there, and waits for "go".
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
from typing import Any, Final, Literal
from uuid import UUID, uuid5

import psycopg
from psycopg.conninfo import make_conninfo

from onrecord.domain.requests import Refusal, Request
from onrecord.entrypoints import app_factory
from onrecord.ingest import write_requests
from onrecord.ingest.schemas import ActorIn, PositionIn, StatementIn
from onrecord.kit.sql import db
from onrecord.kit.sql.pipeline import SYNC, Call, Connection, Rows, Statement, Trip
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import Answer, prepared
from tests.support import bodies
from tests.support.committing import Committer

ROOT: Final = UUID("6f1f1d0c-8f0e-5b57-9a39-0b8a3c1d2e4f")
PASSED: Final = 3
"""At which statement of its kind a writer is held: it and its neighbours are under way by then."""
SIZES: Final = (1, 4, 1, 2)
"""Requests that one who goes straight to `append` hands in at once."""
ENDS: Final = {"seq", "refused", "failed"}
"""One of them stands in the note of what was answered."""

BEGIN, COMMIT = Statement("BEGIN"), Statement("COMMIT")

Note = dict[str, Any]
Answers = Sequence[Answer | Refusal | BaseException]


@dataclass(frozen=True)
class Plan:
    """A writer process. `holds`: before which statements it waits, by their first words."""

    name: str
    url: str
    log: Path
    threads: int
    door: Literal["committer", "append"]
    holds: tuple[str, ...] = ()
    lock: bool = True


class Hand:
    """What the test holds a writer by: `before` a statement it may have to wait for a word."""

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


class Watched:
    """A connection whose statements are heard of before they go, and that may leave out the lock.

    They go one by one, not several in a trip: so there is a moment between any two of them.
    """

    def __init__(self, conn: Connection, hand: Hand, *, lock: bool) -> None:
        self._conn, self._hand, self._lock = conn, hand, lock

    def trip(self, *calls: Call) -> list[Rows]:
        return [self._one(call) for call in calls]

    def send(self, *calls: Call) -> "OneByOne":
        return OneByOne(self, calls)

    def _one(self, call: Call) -> Rows:
        sql = call.statement.sql
        self._hand.before(sql.split(maxsplit=1)[0])
        if not self._lock and "pg_advisory_xact_lock" in sql:
            return []
        (rows,) = self._conn.trip(call)
        return rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)


class OneByOne(Trip):
    """Statements that go when they are waited for, which is never done on an event loop."""

    def __init__(self, conn: Watched, calls: Sequence[Call]) -> None:
        self._watched, self._calls = conn, calls

    async def done(self) -> bool:
        return False

    def rows(self) -> list[Rows]:
        if self._calls[-1].statement.sql == "COMMIT":
            return self._watched.trip(*(one for one in self._calls if one is not SYNC))
        # as they are one transaction
        return self._watched.trip(BEGIN(), *self._calls, COMMIT())[1:-1]


def run(plan: Plan, control: "Pipe[Any, Any]") -> None:
    """Write until told to stop. The whole of a writer process."""
    hand = Hand(plan.holds, control)
    url = make_conninfo(plan.url, application_name=plan.name)

    def connect() -> Any:
        return Watched(app_factory.writer(url), hand, lock=plan.lock)

    with (
        plan.log.open("ab", buffering=0) as log,
        closing(db.connect(plan.url, role="onrecord_audit")) as reader,
        ThreadPoolExecutor(plan.threads) as pool,
    ):
        before = notes(plan.log)
        if plan.door == "committer":
            committer = Committer(connect, on_commit=lambda: None)

        def work(thread: int) -> None:
            asking = _asked(thread, before, reader, hand.over)
            if plan.door == "committer":
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
        if plan.door == "committer":
            committer.stop()


def notes(log: Path) -> dict[tuple[int, int], Note]:
    """The last word on each thing that was asked for, by thread and number."""
    lines = [json.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []
    return {(one["thread"], one["n"]): one for one in lines}


def request_of(name: str, asked: Note) -> Request:
    """What was asked for under this note: the same again and again."""
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
    """What is unanswered first, as it was asked; then new things until it is over."""
    yield from (one for (of, _), one in before.items() if of == thread and not one.keys() & ENDS)
    for n in count(1 + max((n for of, n in before if of == thread), default=-1)):
        if n and over.is_set():  # each is heard at least once, however late it came
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
            return append(conn, [prepared(one) for one in requests])
        except psycopg.Error as error:
            return [error] * len(requests)

    return hand_in


def outcome(answer: Answer | Refusal | BaseException) -> Note:
    """What a note says at last."""
    if isinstance(answer, Answer):
        return {"seq": answer.seq, "size": answer.size, "at": answer.recorded_at.isoformat()}
    if isinstance(answer, Refusal):
        return {"refused": answer.reason, "current": answer.details.get("current_revision")}
    return {"failed": type(answer).__name__}
