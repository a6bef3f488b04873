"""Is what projections fold in turns, each reading what another has read, what the ledger says?"""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given
from onrecord.domain.event import RecordedEvent

from onrecord.kit import celery
from onrecord.projections import tasks
from onrecord.projections.changes.fold import CHANGES
from onrecord.projections.engine import catch_up, catch_up_all
from onrecord.projections.engine.pages import Heard, page
from onrecord.projections.engine.projection import behind
from onrecord.projections.positions import POSITIONS
from tests.support import postgres
from tests.support.committing import position_request, seed
from tests.support.histories import Cast, History, batches, histories
from tests.support.oracle import FEW
from tests.support.record import Record, assert_as_the_ledger_says, record


@pytest.fixture(scope="module")
def shared(server_url: str, template: str) -> Iterator[Record]:
    """A record for all examples."""
    with postgres.database(server_url, template) as url, record(url) as made:
        yield made


def catch_up_as_a_worker(on_record: Record, size: int) -> None:
    """With pages of so many entries."""
    app = celery.make("memory://")
    tasks.register(app, on_record.engine)
    with pytest.MonkeyPatch.context() as small:
        for module in (catch_up_all, catch_up, tasks):
            small.setattr(module, "PAGE", size)
        app.tasks[tasks.CATCH_UP]()


@FEW
@given(history=histories(24, 60))
def test_a_backlog_that_a_worker_works_off_is_folded_as_the_ledger_says(
    shared: Record, history: History
) -> None:
    cast = Cast(f"h{uuid4().hex[:12]}")
    for batch in batches(history, cast):
        shared.append(*batch)
    catch_up_as_a_worker(shared, 3)
    assert_as_the_ledger_says(shared)


def test_what_one_has_read_is_not_read_again_for_another_that_hears_it(on_record: Record) -> None:
    seed(on_record)
    on_record.append(*(position_request() for _ in range(6)))
    heard = Heard()
    with on_record.engine.connect() as conn:
        first: list[RecordedEvent] = [*page(conn, POSITIONS, 0, 6, shared=heard).heard]
        again: list[RecordedEvent] = [*page(conn, CHANGES, 3, 8, shared=heard).heard]
    assert [2, 3, 4, 5] == [one.seq for one in first]
    assert [3, 4, 5, 6, 7] == [one.seq for one in again]
    assert all(one is other for one, other in zip(first[1:], again, strict=False))


def test_what_one_stops_at_keeps_the_others_from_nothing(on_record: Record) -> None:
    seed(on_record)
    on_record.append(*(position_request() for _ in range(9)))
    poisoned = on_record.events()[5].id
    with psycopg.connect(on_record.url, autocommit=True) as conn:
        conn.execute(f"ALTER TABLE projections.changes ADD CHECK (id <> '{poisoned}')")
    catch_up_as_a_worker(on_record, 2)
    with on_record.engine.connect() as conn:
        assert {CHANGES.name: 6} == behind(conn)
