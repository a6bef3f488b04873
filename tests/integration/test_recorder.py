"""The recorder answers each request for itself, whatever happens to others."""

import asyncio
from uuid import uuid4

import pytest

from onrecord.domain.events import StatementMade
from onrecord.entrypoints import app_factory
from onrecord.ingest.recorder import Recorder
from onrecord.kit.http.problems import Problem
from onrecord.kit.sql import db
from onrecord.ledger import committer as committer_module
from onrecord.ledger.committer import Committer
from onrecord.ledger.evaluate import Answer
from tests.support.committing import ask, lock_held, stage
from tests.support.histories import position, request, said
from tests.support.store import Store


def recorder(url: str) -> Recorder:
    """A recorder whose pool for look-ups is closed."""
    committer = Committer(lambda: app_factory.writer(url), on_commit=lambda: None)
    committer.start()
    return Recorder(committer, db.pool(url, role="onrecord_ingest", size=1))


def test_an_unknown_reference_is_refused_also_if_suggestions_fail(
    store: Store,
) -> None:
    stage(store)
    unknown = request(uuid4(), StatementMade.model_validate(said("nobody", "talks")))

    async def record() -> list[Answer | BaseException]:
        api = recorder(store.url)
        found = await api.record_all([ask(), unknown, ask()])
        await api.committer.stop()
        return found

    before, refused, after = asyncio.run(record())
    assert (Answer, Answer) == (type(before), type(after))
    assert isinstance(refused, Problem)
    assert ["no actor 'nobody' is on record"] == [one["message"] for one in refused.errors]
    assert 4 == len(store.events())


def test_requests_that_are_cancelled_while_they_wait_are_not_recorded(
    store: Store,
) -> None:
    stage(store)
    three = [ask(), ask(), ask()]

    async def leave() -> None:
        api = recorder(store.url)
        with lock_held(store.url) as lock:
            first = asyncio.create_task(api.record_all([ask()]))
            await asyncio.to_thread(lock.wait_for, 1)
            rest = asyncio.create_task(api.record_all(three))
            await asyncio.sleep(0)  # it has handed them in
            rest.cancel()
            await asyncio.gather(rest, return_exceptions=True)
            lock.release()
            await first
        await api.committer.stop()

    asyncio.run(leave())
    assert 3 == len(store.events())


def test_concurrent_requests_share_a_batch_and_are_answered_individually(
    store: Store,
) -> None:
    """One of them has gone before the turn ends, another cannot even be prepared."""
    stage(store)
    unknown = request(uuid4(), StatementMade.model_validate(said("nobody", "talks")))
    surrogate = position().model_copy(update={"summary": "\ud800"})
    broken, goes = request(uuid4(), surrogate), ask()

    async def record() -> list[Answer | BaseException]:
        api = recorder(store.url)
        asked = [ask(), unknown, broken, goes, ask()]
        tasks = [asyncio.create_task(api.record(one)) for one in asked]
        await asyncio.sleep(0)  # all have asked
        tasks[3].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await api.committer.stop()
        return found

    before, refused, failed, gone, after = asyncio.run(record())
    assert (Answer, Answer) == (type(before), type(after))
    assert isinstance(refused, Problem)
    assert "unknown-reference" == refused.code
    assert isinstance(failed, TypeError)
    assert isinstance(gone, asyncio.CancelledError)
    assert 4 == len(store.events())


def test_requests_beyond_the_limit_of_waiting_ones_are_answered_busy(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(store)
    monkeypatch.setattr(committer_module, "WAITING", 3)

    async def record() -> list[Answer | BaseException]:
        api = recorder(store.url)
        with lock_held(store.url) as lock:
            first = asyncio.create_task(api.record(ask()))
            await asyncio.to_thread(lock.wait_for, 1)
            waits = asyncio.create_task(api.record(ask()))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            rest = [asyncio.create_task(api.record(ask())) for _ in range(4)]
            busy = await asyncio.gather(*rest[2:], return_exceptions=True)
            lock.release()
            found = await asyncio.gather(first, waits, *rest[:2])
        await api.committer.stop()
        return [*found, *busy]

    *taken, one, other = asyncio.run(record())
    assert [Answer] * 4 == [type(each) for each in taken]
    assert ["busy"] * 2 == [each.code for each in (one, other) if isinstance(each, Problem)]


def test_cancelled_batches_do_not_affect_later_requests(store: Store) -> None:
    stage(store)

    async def leave() -> list[list[Answer | BaseException]]:
        api = recorder(store.url)
        found = [await api.record_all([ask()]) for _ in range(3)]
        for _ in range(3):
            with lock_held(store.url) as lock:
                first = asyncio.create_task(api.record_all([ask()]))
                await asyncio.to_thread(lock.wait_for, 1)
                gone = asyncio.create_task(api.record_all([ask()]))
                await asyncio.sleep(0)  # it has handed it in
                gone.cancel()
                await asyncio.gather(gone, return_exceptions=True)
                lock.release()
                found += [await first, await api.record_all([ask()])]
        await api.committer.stop()
        return found

    told = [one for found in asyncio.run(leave()) for one in found]
    assert [Answer] * 9 == [type(one) for one in told]
    assert 11 == len(store.events())
