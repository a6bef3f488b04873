"""`Recorder`: each of many requests gets its own answer or problem."""

import asyncio
from uuid import uuid4

import pytest

from onrecord.domain.events import StatementMade
from onrecord.entrypoints import infrastructure
from onrecord.ingest.recorder import Recorder
from onrecord.ingest.similar import SimilarStatements
from onrecord.kit.http.problems import Problem
from onrecord.kit.sql import db
from onrecord.ledger import committer as committer_module
from onrecord.ledger.committer import Committer
from onrecord.ledger.dry_run import DryRunner
from onrecord.ledger.evaluate import Answer
from tests.support.committing import lock_held, position_request, seed
from tests.support.histories import position, request, statement_fields
from tests.support.store import PUBLIC_URL, Store


def recorder(url: str) -> Recorder:
    """The recorder of a write API whose pool for look-ups is closed."""
    committer = Committer(lambda: infrastructure.writer(url), on_commit=lambda _: None)
    committer.start()
    pool = db.pool(url, role="onrecord_ingest", size=1)
    similar = SimilarStatements(pool, PUBLIC_URL)
    return Recorder(committer, pool, DryRunner(lambda: infrastructure.writer(url)), similar)


def test_a_refusal_needs_no_look_up_of_the_nearest_slugs(
    store: Store,
) -> None:
    seed(store)
    unknown = request(uuid4(), StatementMade.model_validate(statement_fields("nobody", "talks")))

    async def record() -> list[Answer | BaseException]:
        api = recorder(store.url)
        answers = await api.record_all([position_request(), unknown, position_request()])
        await api.committer.stop()
        return answers

    before, refused, after = asyncio.run(record())
    assert (Answer, Answer) == (type(before), type(after))
    assert isinstance(refused, Problem)
    assert ["no actor 'nobody' is on record"] == [error["message"] for error in refused.errors]
    assert 4 == len(store.events())


def test_cancelled_requests_are_not_recorded(
    store: Store,
) -> None:
    seed(store)
    three = [position_request(), position_request(), position_request()]

    async def leave() -> None:
        api = recorder(store.url)
        with lock_held(store.url) as lock:
            first = asyncio.create_task(api.record_all([position_request()]))
            await asyncio.to_thread(lock.wait_for, 1)
            rest = asyncio.create_task(api.record_all(three))
            await asyncio.sleep(0)  # they are submitted
            rest.cancel()
            await asyncio.gather(rest, return_exceptions=True)
            lock.release()
            await first
        await api.committer.stop()

    asyncio.run(leave())
    assert 3 == len(store.events())


def test_concurrent_requests_are_recorded_together_and_answered_individually(
    store: Store,
) -> None:
    """A request is cancelled before it is recorded, and another cannot be encoded."""
    seed(store)
    unknown = request(uuid4(), StatementMade.model_validate(statement_fields("nobody", "talks")))
    surrogate = position().model_copy(update={"summary": "\ud800"})
    broken, cancelled = request(uuid4(), surrogate), position_request()

    async def record() -> list[Answer | BaseException]:
        api = recorder(store.url)
        requests = [position_request(), unknown, broken, cancelled, position_request()]
        tasks = [asyncio.create_task(api.record(request)) for request in requests]
        await asyncio.sleep(0)  # all are submitted
        tasks[3].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        await api.committer.stop()
        return answers

    before, refused, failed, gone, after = asyncio.run(record())
    assert (Answer, Answer) == (type(before), type(after))
    assert isinstance(refused, Problem)
    assert "unknown-reference" == refused.code
    assert isinstance(failed, TypeError)
    assert isinstance(gone, asyncio.CancelledError)
    assert 4 == len(store.events())


def test_requests_beyond_the_limit_of_pending_ones_are_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(store)
    monkeypatch.setattr(committer_module, "MAX_PENDING", 3)

    async def record() -> list[Answer | BaseException]:
        api = recorder(store.url)
        with lock_held(store.url) as lock:
            first = asyncio.create_task(api.record(position_request()))
            await asyncio.to_thread(lock.wait_for, 1)
            waits = asyncio.create_task(api.record(position_request()))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            rest = [asyncio.create_task(api.record(position_request())) for _ in range(4)]
            busy = await asyncio.gather(*rest[2:], return_exceptions=True)
            lock.release()
            answers = await asyncio.gather(first, waits, *rest[:2])
        await api.committer.stop()
        return [*answers, *busy]

    *recorded, fifth, sixth = asyncio.run(record())
    assert [Answer] * 4 == [type(answer) for answer in recorded]
    assert ["busy"] * 2 == [
        problem.code for problem in (fifth, sixth) if isinstance(problem, Problem)
    ]


def test_a_batch_of_which_all_requests_were_cancelled_does_not_disturb_the_next(
    store: Store,
) -> None:
    seed(store)

    async def leave() -> list[list[Answer | BaseException]]:
        api = recorder(store.url)
        answers = [await api.record_all([position_request()]) for _ in range(3)]
        for _ in range(3):
            with lock_held(store.url) as lock:
                first = asyncio.create_task(api.record_all([position_request()]))
                await asyncio.to_thread(lock.wait_for, 1)
                gone = asyncio.create_task(api.record_all([position_request()]))
                await asyncio.sleep(0)  # it is submitted
                gone.cancel()
                await asyncio.gather(gone, return_exceptions=True)
                lock.release()
                answers += [await first, await api.record_all([position_request()])]
        await api.committer.stop()
        return answers

    answers = [answer for batch in asyncio.run(leave()) for answer in batch]
    assert [Answer] * 9 == [type(answer) for answer in answers]
    assert 11 == len(store.events())
