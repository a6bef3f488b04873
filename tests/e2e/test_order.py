"""Tests that the ledger has one strict order, whichever writer dies or freezes under the lock.

The test runs real processes with many writer threads each, which write through a committer or call
`append` directly, and followers that read meanwhile. Another test checks `violations` on a ledger
without the lock.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event
from typing import Any, Final

import psycopg
import pytest

from onrecord.domain.event import RecordedEvent
from onrecord.ingest import write_requests
from onrecord.ingest.schemas import ActorIn, TopicIn
from onrecord.kit.sql import db
from onrecord.ledger import read
from onrecord.ledger.follow import read_entries
from onrecord.projections.engine.projection import psycopg_connection
from tests.support import bodies
from tests.support.order import Evidence, Seen, read_ledger, violations
from tests.support.processes import FORKED, until
from tests.support.store import Store
from tests.support.writers import Plan, outcome, read_log, request_of, run

MIN_KILLS: Final = 12  # writers killed between lock and commit
MIN_FREEZES: Final = 3
PAGES: Final = (3, 50, 1_000)


@dataclass
class RunningWriter:
    """A writer process. `control` carries its messages, and those to it."""

    plan: Plan
    process: BaseProcess
    control: "Connection[Any, Any]"


def start(plan: Plan) -> RunningWriter:
    parent_end, child_end = FORKED.Pipe()
    process = FORKED.Process(target=run, args=(plan, child_end), name=plan.name)
    process.start()
    child_end.close()
    return RunningWriter(plan, process, parent_end)


@contextmanager
def running(plans: Sequence[Plan]) -> Iterator[dict[str, RunningWriter]]:
    """Running writers, by name. They are killed at the end in any case."""
    writers = {plan.name: start(plan) for plan in plans}
    try:
        yield writers
    finally:
        for writer in writers.values():
            writer.process.kill()


def finish(writers: dict[str, RunningWriter]) -> None:
    """Stop all writers once they have their answers; none may end with an error."""
    for writer in writers.values():
        writer.control.send("stop")
    for writer in writers.values():
        writer.process.join(120)
    assert {0} == {writer.process.exitcode for writer in writers.values()}


@contextmanager
def following(url: str) -> Iterator[Callable[[], tuple[Seen, ...]]]:
    """Run followers with pages of different sizes; yields a function that ends them.

    It returns the seqs and ids that each follower read.
    """
    stopping = Event()

    def follow_by(page: Callable[[int], Sequence[RecordedEvent]]) -> Seen:
        seen: list[tuple[int, Any]] = []
        checkpoint = 0
        while True:
            last = stopping.is_set()
            events = page(checkpoint)
            seen += [(event.seq, event.id) for event in events]
            if events:
                checkpoint = events[-1].seq + 1
            elif last:
                return tuple(seen)
            else:
                stopping.wait(0.002)

    def by_engine() -> Seen:
        engine = db.engine(url, role="onrecord_projections")
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            wire = psycopg_connection(conn)
            seen = follow_by(lambda start: read_entries(wire, start, start + 7))
        engine.dispose()
        return seen

    def by_pages(size: int) -> Seen:
        with db.connect(url, role="onrecord_audit") as conn:
            return follow_by(lambda start: read_entries(conn, start, start + size))

    with ThreadPoolExecutor() as pool:
        futures: list[Future[Seen]] = [pool.submit(by_engine)]
        futures += [pool.submit(by_pages, size) for size in PAGES]

        def end() -> tuple[Seen, ...]:
            stopping.set()
            return tuple(future.result(60) for future in futures)

        try:
            yield end
        finally:
            stopping.set()


def holds_lock(observer: psycopg.Connection[Any], name: str) -> bool:
    """Whether this writer holds the ledger's lock, idle in a transaction."""
    cursor = observer.execute(
        "SELECT FROM pg_stat_activity a JOIN pg_locks l USING (pid)"
        " WHERE a.datname = current_database() AND a.application_name = %s"
        " AND a.state = 'idle in transaction' AND l.locktype = 'advisory' AND l.granted",
        [name],
    )
    return cursor.fetchone() is not None


def freeze_until_others_write(observer: psycopg.Connection[Any], writer: RunningWriter) -> None:
    """Stop a writer; continue it when the server has disconnected it and others have written."""
    pid = writer.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    before = read.ledger_size(observer)
    until(lambda: not holds_lock(observer, writer.plan.name), "it has lost the lock")
    until(lambda: read.ledger_size(observer) > before, "others write while it is frozen")
    os.kill(pid, signal.SIGCONT)
    writer.control.send("go")


def seed(store: Store) -> None:
    actors = [ActorIn.model_validate(bodies.actor(slug) | {"names": ()}) for slug in bodies.ACTORS]
    topics = [TopicIn.model_validate(bodies.topic(slug)) for slug in bodies.TOPICS]
    store.append(*map(write_requests.new_actor, actors), *map(write_requests.new_topic, topics))


def evidence(url: str, plans: Sequence[Plan], followed: tuple[Seen, ...]) -> Evidence:
    order = read_ledger(url)
    answers = tuple(
        (f"{plan.name}/{thread}/{n}", request_of(plan.name, record), record)
        for plan in plans
        for (thread, n), record in read_log(plan.log).items()
    )
    seeded = frozenset(event.id for event in order.events[: len(bodies.ACTORS + bodies.TOPICS)])
    return Evidence(order, seeded, answers, followed)


def test_thirty_four_writers_keep_one_order_while_some_are_killed_or_frozen(
    store: Store, tmp_path: Path
) -> None:
    def plan(name: str, threads: int, via: Any, *waits_before: str) -> Plan:
        return Plan(name, store.url, tmp_path / name, threads, via, waits_before)

    plans = [
        plan("steady", 10, "committer"),
        plan("frozen", 8, "committer", *["WITH", "COMMIT"] * 4),
        plan("killed", 8, "committer", "COMMIT"),
        plan("direct", 4, "append"),
        plan("killed-direct", 4, "append", "WITH"),
    ]
    seed(store)
    kills = freezes = 0
    with (
        psycopg.connect(store.url, autocommit=True) as observer,
        following(store.url) as end_following,
        running(plans) as writers,
    ):
        while kills < MIN_KILLS or freezes < MIN_FREEZES:
            ready = wait([writer.control for writer in writers.values()], 30)
            assert ready, "no writer waits under the lock"
            for writer in [writer for writer in writers.values() if writer.control in ready]:
                assert "held" == writer.control.recv()
                caught = holds_lock(observer, writer.plan.name)
                if writer.plan.name == "frozen":
                    freezes += caught
                    freeze_until_others_write(observer, writer)
                    continue
                kills += caught
                writer.process.kill()
                writer.process.join(120)
                other = ("WITH",) if writer.plan.waits_before == ("COMMIT",) else ("COMMIT",)
                writers[writer.plan.name] = start(replace(writer.plan, waits_before=other))
        finish(writers)
        collected = evidence(store.url, plans, end_following())
    assert [] == violations(collected)
    answered = {name.rpartition("/")[0] for name, _, record in collected.answers if "seq" in record}
    assert 34 == len(answered)
    assert {"revision-conflict"} == {
        record["refused"] for _, _, record in collected.answers if "refused" in record
    }


@pytest.mark.parametrize("lock", [True, False], ids=["with the lock", "without the lock"])
def test_the_lock_is_what_keeps_the_order(store: Store, tmp_path: Path, lock: bool) -> None:
    plans = [
        Plan("one", store.url, tmp_path / "one", 4, "committer", lock=lock),
        Plan("two", store.url, tmp_path / "two", 4, "append", lock=lock),
    ]
    seed(store)
    with (
        psycopg.connect(store.url, autocommit=True) as observer,
        following(store.url) as end_following,
        running(plans) as writers,
    ):
        until(lambda: read.ledger_size(observer) > 200, "200 entries are written")
        finish(writers)
        disorder = violations(evidence(store.url, plans, end_following()))
    assert lock == (disorder == [])
    if not lock:
        assert {"UniqueViolation"} <= {words.rpartition(" ")[2] for words in disorder}, disorder


def test_the_checker_detects_each_kind_of_disorder(store: Store) -> None:
    seed(store)
    written = [{"thread": 0, "n": n, "expected": {1: 2, 5: 0}.get(n)} for n in range(6)]
    requests = [request_of("one", record) for record in written]
    answers = store.append(*requests)
    recorded_answers = tuple(
        (f"one/0/{record['n']}", request, record | outcome(answer))
        for record, request, answer in zip(written, requests, answers, strict=True)
    )
    order = read_ledger(store.url)
    seen = tuple((event.seq, event.id) for event in order.events)
    seeded = frozenset(event.id for event in order.events[: len(bodies.ACTORS + bodies.TOPICS)])
    valid = Evidence(order, seeded, recorded_answers, (seen,))
    assert [] == violations(valid)
    for label, disorder in disorders(valid):
        assert violations(disorder), label


def disorders(valid: Evidence) -> Iterator[tuple[str, Evidence]]:
    order, (seen,), (writer, request, record) = valid.ledger, valid.followed, valid.answers[0]
    (conflict,) = [answer for answer in valid.answers if "refused" in answer[2]]
    events, later = order.events, order.events[0].recorded_at + timedelta(days=1)
    stale = next(event for event in events if getattr(event.event, "expected_revision", None))
    another = stale.event.model_copy(update={"expected_revision": 1})
    other, after = stale._replace(event=another), events[stale.seq + 1 :]
    aged = events[0]._replace(recorded_at=later)
    for label, wrong in (
        ("a gap", replace(order, events=events[:3] + events[4:])),
        ("a time that went back", replace(order, events=(aged, *events[1:]))),
        ("an uncommitted entry", replace(order, commits=order.commits[:-1])),
        ("a size that went back", replace(order, commits=order.commits[::-1])),
        ("another root", replace(order, commits=((order.commits[0][0], bytes(32)),))),
        ("another entry", replace(order, entries=(*order.entries[:-1], b"{}"))),
        ("a stale write", replace(order, events=(*events[: stale.seq], other, *after))),
    ):
        yield label, replace(valid, ledger=wrong)
    for label, follower in (
        ("an entry overlooked", seen[:3] + seen[4:]),
        ("an entry read twice", (*seen[:3], *seen[2:])),
        ("two entries in the wrong order", (seen[1], seen[0], *seen[2:])),
        ("the last entry overlooked", seen[:-1]),
    ):
        yield label, replace(valid, followed=(seen, follower))
    unanswered = {"thread": 0, "n": 0, "expected": None}
    for label, answer in (
        ("another place", (writer, request, record | {"seq": record["seq"] + 1})),
        ("another size", (writer, request, record | {"size": record["size"] + 1})),
        ("another time", (writer, request, record | {"at": later.isoformat()})),
        ("a failure", (writer, request, unanswered | {"failed": "UniqueViolation"})),
        ("a refusal", (writer, request, unanswered | {"refused": "id-reused"})),
        ("no answer", (writer, request, unanswered)),
        ("a conflict that is none", (*conflict[:2], conflict[2] | {"expected": 1})),
    ):
        yield label, replace(valid, answers=(*valid.answers[1:], answer))
    yield "an entry without an answer", replace(valid, answers=valid.answers[1:])
