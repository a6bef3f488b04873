"""Is each request of many answered for itself, whatever else fails meanwhile?"""

import asyncio
from uuid import uuid4

from onrecord.domain.events import StatementMade
from onrecord.entrypoints import doors
from onrecord.ingest.record import Recorder
from onrecord.kit import db
from onrecord.kit.problems import Problem
from onrecord.ledger.committer import Committer
from onrecord.ledger.judging import Answer
from tests.support.committing import ask, lock_held, stage
from tests.support.histories import request, said
from tests.support.record import Record


def recorder(url: str) -> Recorder:
    """A write door's recorder, its pool for looking things up closed."""
    committer = Committer(lambda: doors.writer(url), on_commit=lambda: None)
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
        await asyncio.to_thread(door.committer.stop)
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
        await asyncio.to_thread(door.committer.stop)

    asyncio.run(leave())
    assert 3 == len(on_record.events())
