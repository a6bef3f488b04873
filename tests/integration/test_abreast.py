"""Do projections that are folded in one transaction say what the ledger says, whoever is at it?"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from onrecord.kit import celery
from onrecord.projections import tasks
from onrecord.projections.engine import catch_up_all
from onrecord.projections.engine.catch_up import catch_up
from onrecord.projections.engine.catch_up_all import keep_abreast
from onrecord.projections.engine.projection import PAGE, Projection, lock
from onrecord.projections.registry import PROJECTIONS, projection
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


def all_at(size: int) -> dict[str, int]:
    return {one.name: size for one in PROJECTIONS}


alone = st.lists(st.sets(st.sampled_from([one.name for one in PROJECTIONS]), max_size=4))
"""Which projections go ahead by themselves, after each batch."""


@FEW
@given(history=histories(12, 40), alone=alone)
def test_whatever_went_ahead_by_itself_all_come_to_what_the_ledger_says(
    shared: Record, history: History, alone: list[set[str]]
) -> None:
    cast = Cast(f"h{uuid4().hex[:12]}")
    for n, batch in enumerate(batches(history, cast)):
        shared.append(*batch)
        for name in sorted(alone[n]) if n < len(alone) else ():
            catch_up(shared.engine, projection(name))
        if n % 3 != 2:
            assert keep_abreast(shared.engine, PROJECTIONS)
    assert keep_abreast(shared.engine, PROJECTIONS)
    assert_as_the_ledger_says(shared)


def test_no_commit_is_left_out_however_bells_fall_together(on_record: Record) -> None:
    seed(on_record)

    app = celery.make("memory://")
    tasks.register(app, on_record.engine)

    def write(_: int) -> None:
        on_record.append(position_request())
        app.tasks[tasks.CATCH_UP]()

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(120)))
    assert all_at(122) == on_record.sizes()
    assert_as_the_ledger_says(on_record)


def test_a_page_that_ends_before_others_are_moves_none_of_them_back(
    on_record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(on_record)
    on_record.append(*(position_request() for _ in range(4)))
    for one in PROJECTIONS[1:]:
        catch_up(on_record.engine, one)
    monkeypatch.setattr(catch_up_all, "PAGE", 2)
    looks = iter([(2, True), (0, True)])  # more came between the look and the lock
    monkeypatch.setattr(catch_up_all, "_look", lambda *_: next(looks))
    assert keep_abreast(on_record.engine, PROJECTIONS)
    assert {**all_at(6), PROJECTIONS[0].name: 2} == on_record.sizes()


def test_who_finds_another_at_it_ends_and_that_one_looks_again(on_record: Record) -> None:
    seed(on_record)
    found: list[bool] = []

    def meanwhile() -> None:
        if not found:
            on_record.append(position_request())
            found.append(keep_abreast(on_record.engine, PROJECTIONS))

    assert keep_abreast(on_record.engine, while_folding(meanwhile))
    assert [True] == found
    assert all_at(3) == on_record.sizes()


def test_who_writes_all_the_time_keeps_nobody_at_it_for_ever(on_record: Record) -> None:
    seed(on_record)
    laps: list[object] = []

    def meanwhile() -> None:
        laps.append(on_record.append(position_request()))

    assert not keep_abreast(on_record.engine, while_folding(meanwhile))
    assert catch_up_all.LAPS == len(laps)
    assert all_at(catch_up_all.LAPS + 1) == on_record.sizes()


def test_what_reads_what_is_not_folded_yet_is_not_folded(on_record: Record) -> None:
    seed(on_record)
    assert not keep_abreast(on_record.engine, PROJECTIONS[::-1])
    assert all_at(0) == on_record.sizes()


def while_folding(meanwhile: Callable[[], None]) -> list[Projection]:
    """All projections, the first of which has something happen as it folds."""

    def fold(conn: Connection, generation: int, page: Sequence[object]) -> None:
        meanwhile()
        first.fold(conn, generation, page)

    first, *others = PROJECTIONS
    hears = frozenset({"actor.registered", "position.changed", *(first.hears or ())})
    return [Projection(first.name, first.number, first.tables, fold, hears), *others]


@pytest.mark.parametrize("trouble", ["far", "held", "stopped", "all stopped", "fold", "poison"])
def test_what_is_not_well_is_left_to_each_by_itself(on_record: Record, trouble: str) -> None:
    seed(on_record)
    (poisoned, *_) = on_record.events()
    of_topics = "UPDATE projections.checkpoints SET {} WHERE name = 'topics'"
    with psycopg.connect(on_record.url, autocommit=True) as conn:
        if trouble == "far":
            on_record.append(*(position_request() for _ in range(PAGE)))
        elif trouble == "stopped":
            conn.execute(of_topics.format("stopped_seq = 0").encode())
        elif trouble == "all stopped":
            conn.execute("UPDATE projections.checkpoints SET stopped_seq = 0")
        elif trouble == "fold":
            conn.execute(of_topics.format("fold = 0").encode())
        elif trouble == "poison":
            conn.execute(
                f"ALTER TABLE projections.actors ADD CHECK (event <> '{poisoned.id}')".encode()
            )
    with on_record.engine.begin() as other:
        if trouble == "held":
            lock(other, projection("topics"))
        assert not keep_abreast(on_record.engine, PROJECTIONS)
    assert all_at(0) == on_record.sizes()


def test_a_projection_of_another_program_is_not_waited_for(on_record: Record) -> None:
    seed(on_record)
    with psycopg.connect(on_record.url, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO projections.checkpoints (name, generation, fold, live)"
            " VALUES ('of_tomorrow', 1, 1, true)"
        )
    assert keep_abreast(on_record.engine, PROJECTIONS)
    assert {**all_at(2), "of_tomorrow": 0} == on_record.sizes()
