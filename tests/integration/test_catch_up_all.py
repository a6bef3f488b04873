"""Catching up all projections in one loop: results, other workers, and errors."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from onrecord.kit import celery
from onrecord.projections import tasks
from onrecord.projections.actors import ACTORS
from onrecord.projections.changes.fold import CHANGES
from onrecord.projections.engine import catch_up_all, checkpoints
from onrecord.projections.engine.checkpoints import FoldChanged, lock_checkpoint
from onrecord.projections.engine.poison import ProjectionStopped
from onrecord.projections.engine.projection import Projection
from onrecord.projections.positions import POSITIONS
from onrecord.projections.registry import PROJECTIONS, projection_named
from onrecord.projections.topics import TOPICS
from tests.support import postgres
from tests.support.committing import position_request, seed
from tests.support.histories import Cast, History, batches, histories
from tests.support.oracle import FEW_EXAMPLES
from tests.support.store import Store, assert_equals_replay, open_store, raise_error

SMALL_PAGE = 3
"""Entries of a page, so that a short history is a backlog."""


@pytest.fixture(scope="module")
def shared(server_url: str, template: str) -> Iterator[Store]:
    """A store for all examples."""
    with postgres.database(server_url, template) as url, open_store(url) as opened:
        yield opened


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (catch_up_all, checkpoints):
        monkeypatch.setattr(module, "PAGE", SMALL_PAGE)


def sizes_at(size: int, **others: int) -> dict[str, int]:
    """The sizes of all projections."""
    return {projection.name: size for projection in PROJECTIONS} | others


def catch_up(
    store: Store, projections: Sequence[Projection] = PROJECTIONS
) -> tuple[bool, dict[str, Exception]]:
    """Call the loop once; whether there is more, and the errors by projection."""
    errors: dict[str, Exception] = {}

    def on_error(projection: Projection, error: Exception) -> None:
        errors[projection.name] = error

    return catch_up_all.catch_up_all(store.engine, projections, on_error), errors


def admin(store: Store, sql: str) -> None:
    with psycopg.connect(store.url, autocommit=True) as conn:
        conn.execute(sql.encode())


def call_while_folding(projection: Projection, on_fold: Callable[[], object]) -> list[Projection]:
    """All projections; `on_fold` is called each time when `projection` folds a page."""

    def fold(conn: Connection, generation: int, page: Sequence[object]) -> None:
        on_fold()
        projection.fold(conn, generation, page)

    hooked = replace(projection, fold=fold)
    return [hooked if projection is original else original for original in PROJECTIONS]


ahead = st.lists(
    st.sets(st.sampled_from([projection.name for projection in PROJECTIONS]), max_size=4)
)
"""Which projections catch up alone, after each batch."""


@FEW_EXAMPLES
@given(history=histories(24, 60), ahead=ahead)
def test_projections_that_start_at_any_sizes_equal_a_replay_in_the_end(
    shared: Store, history: History, ahead: list[set[str]]
) -> None:
    cast = Cast(f"h{uuid4().hex[:12]}")
    with pytest.MonkeyPatch.context() as patch:
        for module in (catch_up_all, checkpoints):
            patch.setattr(module, "PAGE", SMALL_PAGE)
        for number, batch in enumerate(batches(history, cast)):
            shared.append(*batch)
            for name in sorted(ahead[number]) if number < len(ahead) else ():
                shared.catch_up(projection_named(name))
            if number % 3 != 2:
                shared.catch_up()
        shared.catch_up()
    assert_equals_replay(shared)


def test_no_commit_is_left_out_when_many_workers_are_woken_up_at_once(store: Store) -> None:
    seed(store)
    app = celery.create_celery("memory://")
    tasks.register_projection_tasks(app, store.engine)

    def write(_: int) -> None:
        store.append(position_request())
        app.tasks[tasks.CATCH_UP]()

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(120)))
    assert sizes_at(122) == store.sizes()
    assert_equals_replay(store)


def test_a_worker_that_finds_all_locked_returns_and_the_other_looks_again(
    store: Store,
) -> None:
    seed(store)
    results: list[object] = []

    def another_worker() -> None:
        if not results:
            store.append(position_request())
            results.append(catch_up(store))

    projections = call_while_folding(ACTORS, another_worker)
    assert (False, {}) == catch_up(store, projections)
    assert [(False, {})] == results
    assert sizes_at(3) == store.sizes()


def test_a_locked_projection_does_not_hold_up_the_others(store: Store) -> None:
    seed(store)
    with store.engine.begin() as other:
        lock_checkpoint(other, TOPICS)
        assert (False, {}) == catch_up(store)
        assert sizes_at(2, topics=0) == store.sizes()
    store.catch_up()
    assert sizes_at(2) == store.sizes()


def test_a_projection_waits_for_one_that_it_reads_from_and_that_another_worker_folds(
    store: Store,
) -> None:
    seed(store)
    with store.engine.begin() as other:
        lock_checkpoint(other, ACTORS)
        assert (False, {}) == catch_up(store)
        assert sizes_at(2, actors=0, changes=0) == store.sizes()


def test_a_call_ends_under_steady_writing_and_returns_that_there_is_more(store: Store) -> None:
    seed(store)
    store.append(position_request())
    appended: list[object] = []

    def another_commit() -> None:
        appended.append(store.append(position_request()))

    projections = call_while_folding(POSITIONS, another_commit)
    assert (True, {}) == catch_up(store, projections)
    assert catch_up_all.MAX_ROUNDS == len(appended)
    assert sizes_at(catch_up_all.MAX_ROUNDS + 2) == store.sizes()


def test_a_new_projection_is_folded_from_the_start_while_the_others_follow_the_ledger(
    store: Store, small_pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(store)
    store.append(*(position_request() for _ in range(4 * SMALL_PAGE)))
    store.catch_up(*PROJECTIONS[1:])
    store.append(position_request())
    monkeypatch.setattr(catch_up_all, "MAX_ROUNDS", 1)
    assert (True, {}) == catch_up(store)
    assert sizes_at(3 + 4 * SMALL_PAGE, statements=SMALL_PAGE) == store.sizes()


def test_a_projection_listed_before_one_that_it_reads_from_is_folded_after_it_all_the_same(
    store: Store,
) -> None:
    seed(store)
    store.append(position_request())
    store.catch_up(*PROJECTIONS[::-1])
    assert_equals_replay(store)


@pytest.mark.usefixtures("small_pages")
def test_a_poisoned_event_in_a_backlog_stops_its_projection_there_and_no_other(
    store: Store,
) -> None:
    seed(store)
    store.append(*(position_request() for _ in range(9)))
    poisoned = store.events()[5].id
    admin(store, f"ALTER TABLE projections.changes ADD CHECK (id <> '{poisoned}')")
    _, errors = catch_up(store)
    assert [CHANGES.name] == [*errors]
    assert isinstance(errors[CHANGES.name], ProjectionStopped)
    assert sizes_at(11, changes=5) == store.sizes()
    admin(store, "ALTER TABLE projections.changes DROP CONSTRAINT changes_id_check")
    store.catch_up()
    assert_equals_replay(store)


def test_a_projection_goes_no_further_than_a_stopped_one_that_it_reads_from(store: Store) -> None:
    seed(store)
    store.append(position_request(), position_request())
    admin(store, "UPDATE projections.checkpoints SET stopped_seq = 0 WHERE name = 'actors'")
    (poisoned, *_) = store.events()
    admin(store, f"ALTER TABLE projections.actors ADD CHECK (event <> '{poisoned.id}')")
    _, errors = catch_up(store)
    assert [ACTORS.name] == [*errors]
    assert sizes_at(4, actors=0, changes=0) == store.sizes()


def test_a_projection_of_another_fold_number_is_left_alone_and_reported(store: Store) -> None:
    seed(store)
    admin(store, "UPDATE projections.checkpoints SET fold = 0 WHERE name = 'topics'")
    _, errors = catch_up(store)
    assert [(TOPICS.name, FoldChanged)] == [(name, type(error)) for name, error in errors.items()]
    assert sizes_at(2, topics=0) == store.sizes()


def test_a_transient_error_leaves_nothing_half_done(store: Store) -> None:
    seed(store)

    def fail() -> None:
        raise OSError

    _, errors = catch_up(store, call_while_folding(ACTORS, fail))
    assert [(ACTORS.name, OSError)] == [(name, type(error)) for name, error in errors.items()]
    assert sizes_at(2, actors=0, changes=0) == store.sizes()
    with store.engine.connect() as conn:
        stops = conn.execute(text("SELECT stopped_seq FROM projections.checkpoints"))
        assert {None} == {seq for (seq,) in stops}
    catch_up_all.catch_up_all(store.engine, PROJECTIONS, raise_error)
    assert_equals_replay(store)


def test_no_projection_waits_for_one_of_another_program(store: Store) -> None:
    seed(store)
    admin(
        store,
        "INSERT INTO projections.checkpoints (name, generation, fold, live)"
        " VALUES ('of_tomorrow', 1, 1, true)",
    )
    assert (False, {}) == catch_up(store)
    assert sizes_at(2, of_tomorrow=0) == store.sizes()
