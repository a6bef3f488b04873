"""Is there one strict order, whoever writes, and whoever dies or freezes under the lock?

Real processes with many writers each, by a committer or straight by `append`; followers that read
all the while; and a checker that is itself tried on a ledger whose lock was taken out.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event
from typing import Any, Final

import psycopg
import pytest
from onrecord.domain.event import RecordedEvent

from onrecord.ingest import record
from onrecord.ingest.schemas import ActorIn, TopicIn
from onrecord.kit.sql import db
from onrecord.ledger import follow, read
from tests.support import bodies
from tests.support.order import Evidence, Seen, ledger, violations
from tests.support.processes import until
from tests.support.record import Record
from tests.support.writers import Plan, notes, outcome, request_of, run

KILLS: Final = 12
"""Writers killed that must fall between lock and commit."""
FREEZES: Final = 3
PAGES: Final = (3, 50, 1_000)

FORKED = get_context("forkserver")  # a process in 10 ms, and none that shares our threads
FORKED.set_forkserver_preload(["tests.support.writers"])


@dataclass
class Running:
    """A writer process. What it says, and is told, goes over `control`."""

    plan: Plan
    process: BaseProcess
    control: "Connection[Any, Any]"


def start(plan: Plan) -> Running:
    ours, theirs = FORKED.Pipe()
    process = FORKED.Process(target=run, args=(plan, theirs), name=plan.name)
    process.start()
    theirs.close()
    return Running(plan, process, ours)


@contextmanager
def running(plans: Sequence[Plan]) -> Iterator[dict[str, Running]]:
    """Writers at work, by name. Whatever happens, none outlives the test."""
    crew = {plan.name: start(plan) for plan in plans}
    try:
        yield crew
    finally:
        for one in crew.values():
            one.process.kill()


def finish(crew: dict[str, Running]) -> None:
    """Have all of them answer for what they asked, and end well."""
    for one in crew.values():
        one.control.send("stop")
    for one in crew.values():
        one.process.join(30)
    assert {0} == {one.process.exitcode for one in crew.values()}


@contextmanager
def following(url: str) -> Iterator[Callable[[], tuple[Seen, ...]]]:
    """Followers, each with pages of its own size. What comes back ends them: what each saw."""
    over = Event()

    def follow_by(page: Callable[[int], Sequence[RecordedEvent]]) -> Seen:
        seen: list[tuple[int, Any]] = []
        checkpoint = 0
        while True:
            last = over.is_set()
            found = page(checkpoint)
            seen += [(one.seq, one.id) for one in found]
            if found:
                checkpoint = found[-1].seq + 1
            elif last:
                return tuple(seen)
            else:
                over.wait(0.002)

    def by_engine() -> Seen:
        engine = db.engine(url, role="onrecord_projections")
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            found = follow_by(lambda start: follow.entries(conn, start, 7))
        engine.dispose()
        return found

    def by_pages(size: int) -> Seen:
        with db.connect(url, role="onrecord_audit") as conn:
            return follow_by(lambda start: read.entries_from(conn, start, size))

    with ThreadPoolExecutor() as pool:
        futures: list[Future[Seen]] = [pool.submit(by_engine)]
        futures += [pool.submit(by_pages, size) for size in PAGES]

        def end() -> tuple[Seen, ...]:
            over.set()
            return tuple(one.result(60) for one in futures)

        try:
            yield end
        finally:
            over.set()


def is_under_the_lock(observer: psycopg.Connection[Any], name: str) -> bool:
    """Does this writer hold the ledger's lock, in a transaction that waits for it to go on?"""
    found = observer.execute(
        "SELECT FROM pg_stat_activity a JOIN pg_locks l USING (pid)"
        " WHERE a.datname = current_database() AND a.application_name = %s"
        " AND a.state = 'idle in transaction' AND l.locktype = 'advisory' AND l.granted",
        [name],
    )
    return found.fetchone() is not None


def freeze_until_others_go_on(observer: psycopg.Connection[Any], one: Running) -> None:
    """Stop it as it stands; let it go on when the server has cut it off and others have written."""
    pid = one.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    before = read.ledger_size(observer)
    until(lambda: not is_under_the_lock(observer, one.plan.name), "it has lost the lock")
    until(lambda: read.ledger_size(observer) > before, "others write while it is frozen")
    os.kill(pid, signal.SIGCONT)
    one.control.send("go")


def stage(made: Record) -> None:
    actors = [ActorIn.model_validate(bodies.actor(one) | {"names": ()}) for one in bodies.ACTORS]
    topics = [TopicIn.model_validate(bodies.topic(one)) for one in bodies.TOPICS]
    made.append(*map(record.actor, actors), *map(record.topic, topics))


def evidence(url: str, plans: Sequence[Plan], followed: tuple[Seen, ...]) -> Evidence:
    held = ledger(url)
    told = tuple(
        (f"{plan.name}/{thread}/{n}", request_of(plan.name, note), note)
        for plan in plans
        for (thread, n), note in notes(plan.log).items()
    )
    staged = frozenset(one.id for one in held.events[: len(bodies.ACTORS + bodies.TOPICS)])
    return Evidence(held, staged, told, followed)


def test_thirty_four_writers_in_five_processes_make_one_order_whoever_is_killed_or_frozen(
    on_record: Record, tmp_path: Path
) -> None:
    def plan(name: str, threads: int, via: Any, *holds: str) -> Plan:
        return Plan(name, on_record.url, tmp_path / name, threads, via, holds)

    plans = [
        plan("steady", 10, "committer"),
        plan("frozen", 8, "committer", *["WITH", "COMMIT"] * 4),
        plan("killed", 8, "committer", "COMMIT"),
        plan("direct", 4, "append"),
        plan("killed-direct", 4, "append", "WITH"),
    ]
    stage(on_record)
    kills = freezes = 0
    with (
        psycopg.connect(on_record.url, autocommit=True) as observer,
        following(on_record.url) as end_following,
        running(plans) as crew,
    ):
        while kills < KILLS or freezes < FREEZES:
            ready = wait([one.control for one in crew.values()], 30)
            assert ready, "nobody came to be held"
            for one in [one for one in crew.values() if one.control in ready]:
                assert "held" == one.control.recv()
                caught = is_under_the_lock(observer, one.plan.name)
                if one.plan.name == "frozen":
                    freezes += caught
                    freeze_until_others_go_on(observer, one)
                    continue
                kills += caught
                one.process.kill()
                one.process.join(10)
                other = ("WITH",) if one.plan.holds == ("COMMIT",) else ("COMMIT",)
                crew[one.plan.name] = start(replace(one.plan, holds=other))
        finish(crew)
        found = evidence(on_record.url, plans, end_following())
    assert [] == violations(found)
    heard = {who.rpartition("/")[0] for who, _, note in found.told if "seq" in note}
    assert 34 == len(heard)
    assert {"revision-conflict"} == {
        note["refused"] for _, _, note in found.told if "refused" in note
    }


@pytest.mark.parametrize("lock", [True, False], ids=["with the lock", "without the lock"])
def test_it_is_the_lock_that_keeps_the_order(on_record: Record, tmp_path: Path, lock: bool) -> None:
    plans = [
        Plan("one", on_record.url, tmp_path / "one", 4, "committer", lock=lock),
        Plan("two", on_record.url, tmp_path / "two", 4, "append", lock=lock),
    ]
    stage(on_record)
    with (
        psycopg.connect(on_record.url, autocommit=True) as observer,
        following(on_record.url) as end_following,
        running(plans) as crew,
    ):
        until(lambda: read.ledger_size(observer) > 200, "200 entries are written")
        finish(crew)
        found = violations(evidence(on_record.url, plans, end_following()))
    assert lock == (found == [])
    if not lock:
        assert {"UniqueViolation"} <= {one.rpartition(" ")[2] for one in found}, found


def test_the_checker_sees_each_kind_of_disorder(on_record: Record) -> None:
    stage(on_record)
    asked = [{"thread": 0, "n": n, "expected": {1: 2, 5: 0}.get(n)} for n in range(6)]
    requests = [request_of("one", note) for note in asked]
    answers = on_record.append(*requests)
    told = tuple(
        (f"one/0/{note['n']}", request, note | outcome(answer))
        for note, request, answer in zip(asked, requests, answers, strict=True)
    )
    held = ledger(on_record.url)
    seen = tuple((one.seq, one.id) for one in held.events)
    staged = frozenset(one.id for one in held.events[: len(bodies.ACTORS + bodies.TOPICS)])
    good = Evidence(held, staged, told, (seen,))
    assert [] == violations(good)
    for what, disorder in disorders(good):
        assert violations(disorder), what


def disorders(good: Evidence) -> Iterator[tuple[str, Evidence]]:
    held, (seen,), (who, request, note) = good.ledger, good.followed, good.told[0]
    (conflict,) = [one for one in good.told if "refused" in one[2]]
    events, later = held.events, held.events[0].recorded_at + timedelta(days=1)
    stale = next(one for one in events if getattr(one.event, "expected_revision", None))
    event = stale.event.model_copy(update={"expected_revision": 1})
    other, after = stale._replace(event=event), events[stale.seq + 1 :]
    aged = events[0]._replace(recorded_at=later)
    for what, wrong in (
        ("a gap", replace(held, events=events[:3] + events[4:])),
        ("a time that went back", replace(held, events=(aged, *events[1:]))),
        ("an uncommitted entry", replace(held, commits=held.commits[:-1])),
        ("a size that went back", replace(held, commits=held.commits[::-1])),
        ("another root", replace(held, commits=((held.commits[0][0], bytes(32)),))),
        ("another entry", replace(held, entries=(*held.entries[:-1], b"{}"))),
        ("a stale write", replace(held, events=(*events[: stale.seq], other, *after))),
    ):
        yield what, replace(good, ledger=wrong)
    for what, follower in (
        ("one overlooked", seen[:3] + seen[4:]),
        ("one seen twice", (*seen[:3], *seen[2:])),
        ("two the wrong way round", (seen[1], seen[0], *seen[2:])),
        ("the last one overlooked", seen[:-1]),
    ):
        yield what, replace(good, followed=(seen, follower))
    unanswered = {"thread": 0, "n": 0, "expected": None}
    for what, one in (
        ("another place", (who, request, note | {"seq": note["seq"] + 1})),
        ("another size", (who, request, note | {"size": note["size"] + 1})),
        ("another time", (who, request, note | {"at": later.isoformat()})),
        ("a failure", (who, request, unanswered | {"failed": "UniqueViolation"})),
        ("a refusal", (who, request, unanswered | {"refused": "id-reused"})),
        ("no answer", (who, request, unanswered)),
        ("a conflict that is none", (*conflict[:2], conflict[2] | {"expected": 1})),
    ):
        yield what, replace(good, told=(*good.told[1:], one))
    yield "an entry of nobody's", replace(good, told=good.told[1:])
