"""Is each request of many answered for itself, whatever else fails meanwhile?"""

import asyncio
from uuid import uuid4

import pytest

from onrecord.domain.events import StatementMade
from onrecord.entrypoints import app_factory
from onrecord.ingest.record import Recorder
from onrecord.kit.http.problems import Problem
from onrecord.kit.sql import db
from onrecord.ledger import committer as committer_module
from onrecord.ledger.committer import Committer
from onrecord.ledger.evaluate import Answer
from tests.support.committing import ask, lock_held, stage
from tests.support.histories import position, request, said
from tests.support.record import Record


def recorder(url: str) -> Recorder:
    """A write door's recorder, its pool for looking things up closed."""
    committer = Committer(lambda: app_factory.writer(url), on_commit=lambda: None)
    committer.start()
    return Recorder(committer, db.pool(url, role="onrecord_ingest", size=1))


def test_what_is_refused_is_refused_also_where_nothing_near_can_be_looked_up(
    on_record: Record,
) -> None:
    stage(on_record)
    unknown = request(uuid4(), StatementMade.model_validate(said("nobody", "talks")))

    async def record() -> list[Answer | BaseException]:
        door = recorder(on_record.url)
        found = await door.record_all([ask(), unknown, ask()])
        await door.committer.stop()
        return found

    before, refused, after = asyncio.run(record())
    assert (Answer, Answer) == (type(before), type(after))
    assert isinstance(refused, Problem)
    assert ["no actor 'nobody' is on record"] == [one["message"] for one in refused.errors]
    assert 4 == len(on_record.events())


def test_requests_whose_writer_goes_away_while_they_wait_are_not_recorded(
    on_record: Record,
) -> None:
    stage(on_record)
    three = [ask(), ask(), ask()]

    async def leave() -> None:
        door = recorder(on_record.url)
        with lock_held(on_record.url) as lock:
            first = asyncio.create_task(door.record_all([ask()]))
            await asyncio.to_thread(lock.wait_for, 1)
            rest = asyncio.create_task(door.record_all(three))
            await asyncio.sleep(0)  # it has handed them in
            rest.cancel()
            await asyncio.gather(rest, return_exceptions=True)
            lock.release()
            await first
        await door.committer.stop()

    asyncio.run(leave())
    assert 3 == len(on_record.events())


def test_what_is_asked_at_once_is_recorded_together_and_answered_each_for_itself(
    on_record: Record,
) -> None:
    """One of them has gone before the turn ends, another cannot even be prepared."""
    stage(on_record)
    unknown = request(uuid4(), StatementMade.model_validate(said("nobody", "talks")))
    surrogate = position().model_copy(update={"summary": "\ud800"})
    broken, goes = request(uuid4(), surrogate), ask()

    async def record() -> list[Answer | BaseException]:
        door = recorder(on_record.url)
        asked = [ask(), unknown, broken, goes, ask()]
        tasks = [asyncio.create_task(door.record(one)) for one in asked]
        await asyncio.sleep(0)  # all have asked
        tasks[3].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await door.committer.stop()
        return found

    before, refused, failed, gone, after = asyncio.run(record())
    assert (Answer, Answer) == (type(before), type(after))
    assert isinstance(refused, Problem)
    assert "unknown-reference" == refused.code
    assert isinstance(failed, TypeError)
    assert isinstance(gone, asyncio.CancelledError)
    assert 4 == len(on_record.events())


def test_in_a_turn_that_asks_for_more_than_may_wait_some_are_taken(
    on_record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(on_record)
    monkeypatch.setattr(committer_module, "MAX_PENDING", 3)

    async def record() -> list[Answer | BaseException]:
        door = recorder(on_record.url)
        with lock_held(on_record.url) as lock:
            first = asyncio.create_task(door.record(ask()))
            await asyncio.to_thread(lock.wait_for, 1)
            waits = asyncio.create_task(door.record(ask()))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            rest = [asyncio.create_task(door.record(ask())) for _ in range(4)]
            busy = await asyncio.gather(*rest[2:], return_exceptions=True)
            lock.release()
            found = await asyncio.gather(first, waits, *rest[:2])
        await door.committer.stop()
        return [*found, *busy]

    *taken, one, other = asyncio.run(record())
    assert [Answer] * 4 == [type(each) for each in taken]
    assert ["busy"] * 2 == [each.code for each in (one, other) if isinstance(each, Problem)]


def test_those_who_have_all_gone_away_are_no_trouble_to_who_comes_next(on_record: Record) -> None:
    stage(on_record)

    async def leave() -> list[list[Answer | BaseException]]:
        door = recorder(on_record.url)
        found = [await door.record_all([ask()]) for _ in range(3)]
        for _ in range(3):
            with lock_held(on_record.url) as lock:
                first = asyncio.create_task(door.record_all([ask()]))
                await asyncio.to_thread(lock.wait_for, 1)
                gone = asyncio.create_task(door.record_all([ask()]))
                await asyncio.sleep(0)  # it has handed it in
                gone.cancel()
                await asyncio.gather(gone, return_exceptions=True)
                lock.release()
                found += [await first, await door.record_all([ask()])]
        await door.committer.stop()
        return found

    told = [one for found in asyncio.run(leave()) for one in found]
    assert [Answer] * 9 == [type(one) for one in told]
    assert 11 == len(on_record.events())
