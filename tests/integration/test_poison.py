"""Poisoned events: each stops its projection at that event, and no other projection."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, select

from onrecord.domain.event import RecordedEvent
from onrecord.domain.events import ActorRegistered, TopicRegistered
from onrecord.ledger.entry import decode_whole
from onrecord.projections import actors
from onrecord.projections.actors import ACTORS
from onrecord.projections.engine.checkpoints import checkpoints
from onrecord.projections.engine.poison import PoisonedEvent, ProjectionStopped
from onrecord.projections.engine.projection import Projection
from onrecord.projections.engine.rebuild import rebuild_projection
from onrecord.projections.topics import TOPICS
from tests.support.histories import registration
from tests.support.store import Store

ADD_CONSTRAINT = (
    "ALTER TABLE projections.actors ADD CONSTRAINT no_beth CHECK (id <> 'beth') NOT VALID"
)
DROP_CONSTRAINT = "ALTER TABLE projections.actors DROP CONSTRAINT no_beth"


def register(store: Store, *slugs: str) -> None:
    """Register an actor with each slug, and a topic after each actor."""
    for slug in slugs:
        store.append(registration(ActorRegistered(id=slug, kind="person")))
        store.append(registration(TopicRegistered(id=f"on-{slug}")))


def admin(store: Store, sql: str) -> None:
    with psycopg.connect(store.url, autocommit=True) as conn:
        conn.execute(sql.encode())


def checkpoint_row(store: Store, projection: Projection = ACTORS, generation: int = 1) -> Any:
    """The size of the checkpoint, and the seq and error of its stop."""
    columns = checkpoints.c
    with store.engine.connect() as conn:
        return tuple(
            conn.execute(
                select(columns.size, columns.stopped_seq, columns.stopped_error).where(
                    columns.name == projection.name, columns.generation == generation
                )
            ).one()
        )


def folded_actors(store: Store, generation: int = 1) -> list[tuple[str, int]]:
    columns = actors.actors.c
    with store.engine.connect() as conn:
        query = (
            select(columns.id, columns.open_seq)
            .where(columns.generation == generation)
            .order_by(columns.open_seq)
        )
        return [(slug, seq) for slug, seq in conn.execute(query)]


def catch_up_until_stopped(store: Store, projection: Projection = ACTORS) -> ProjectionStopped:
    with pytest.raises(ProjectionStopped) as raised:
        store.catch_up(projection)
    return raised.value


def test_a_poisoned_event_stops_its_projection_until_the_data_is_repaired(
    store: Store,
) -> None:
    register(store, "anna", "beth", "cleo")
    admin(store, ADD_CONSTRAINT)
    first = catch_up_until_stopped(store)
    event = store.events()[2]
    error = "CheckViolation: actors, no_beth"
    assert PoisonedEvent(2, event.id, "actor.registered", error) == first.poisoned
    assert (2, 2, "CheckViolation: actors, no_beth") == checkpoint_row(store)
    assert [("anna", 0)] == folded_actors(store)
    store.catch_up(TOPICS)
    assert (6, None, None) == checkpoint_row(store, TOPICS)
    register(store, "dora")
    again = catch_up_until_stopped(store)
    assert [True, False] == [first.new, again.new]
    assert (2, 2, "CheckViolation: actors, no_beth") == checkpoint_row(store)
    admin(store, DROP_CONSTRAINT)
    store.catch_up()
    assert (8, None, None) == checkpoint_row(store)
    assert [("anna", 0), ("beth", 2), ("cleo", 4), ("dora", 6)] == folded_actors(store)


def test_the_error_of_a_stop_has_no_words_of_the_event(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(store, "anna", "beth")

    def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
        actors.fold(conn, generation, page)
        if any(getattr(recorded.event, "id", "") == "beth" for recorded in page):
            raise ValueError("the secret words")

    broken = replace(ACTORS, fold=fold)
    stop = catch_up_until_stopped(store, broken)
    assert (2, "ValueError: projections/engine/page.py") == (
        stop.poisoned.seq,
        stop.poisoned.error.split(",")[0],
    )
    assert [("anna", 0)] == folded_actors(store)
    store.catch_up(ACTORS)  # the code is fixed
    assert (4, None, None) == checkpoint_row(store)
    assert [("anna", 0), ("beth", 2)] == folded_actors(store)


APPEND_UNKNOWN_KIND = """
WITH made AS (
    SELECT e.seq + 1 AS seq, gen_random_uuid() AS id, convert_to(replace(replace(replace(
        convert_from(e.entry, 'UTF8'), '"person"', '"robot"'), 'cleo', 'hal'),
        '"seq":' || e.seq, '"seq":' || e.seq + 1), 'UTF8') AS entry
    FROM ledger.entries e ORDER BY e.seq DESC LIMIT 1
), entries AS (
    INSERT INTO ledger.entries
    SELECT seq, id, entry, sha256('\\x00'::bytea || entry) FROM made
), touches AS (
    INSERT INTO ledger.touches SELECT 'type', 'actor.registered', seq FROM made
)
INSERT INTO ledger.commits SELECT seq + 1, now(), '', '{}' FROM made
"""
"""Appends an entry as a later version may write it: an actor of a kind unknown to this version."""


def test_an_entry_that_cannot_be_decoded_stops_projections_of_its_type(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(store, "anna", "beth")
    store.append(registration(ActorRegistered(id="cleo", kind="person")))
    admin(store, APPEND_UNKNOWN_KIND)
    store.append(registration(ActorRegistered(id="dora", kind="person")))
    error = "ValidationError: ActorRegistered, /kind: literal_error"
    assert (5, error) == (
        catch_up_until_stopped(store).poisoned.seq,
        catch_up_until_stopped(store).poisoned.error,
    )
    assert (5, 5, error) == checkpoint_row(store)

    def newer(whole: bytes) -> RecordedEvent:
        return decode_whole(whole.replace(b'"robot"', b'"group"'))

    monkeypatch.setattr("onrecord.ledger.follow.decode_whole", newer)
    store.catch_up()
    expected = [("anna", 0), ("beth", 2), ("cleo", 4), ("hal", 5), ("dora", 6)]
    assert expected == folded_actors(store)


@pytest.mark.parametrize("error", [psycopg.errors.DeadlockDetected, psycopg.OperationalError])
def test_a_deadlock_or_a_lost_database_does_not_stop_a_projection(
    store: Store, error: type[psycopg.Error]
) -> None:
    register(store, "anna", "beth")

    def fold(*_: object) -> None:
        raise error

    broken = replace(ACTORS, fold=fold)
    with pytest.raises(error):
        store.catch_up(broken)
    assert (0, None, None) == checkpoint_row(store)


def test_a_rebuild_stops_at_a_poisoned_event_and_resumes_once_it_is_repaired(
    store: Store,
) -> None:
    register(store, "anna", "beth", "cleo")
    store.catch_up()
    admin(store, ADD_CONSTRAINT)
    with pytest.raises(ProjectionStopped) as raised:
        rebuild_projection(store.engine, ACTORS, lambda *_: None)
    assert 2 == raised.value.poisoned.seq
    assert (0, 2, "CheckViolation: actors, no_beth") == checkpoint_row(store, generation=2)
    assert (6, None, None) == checkpoint_row(store)
    admin(store, DROP_CONSTRAINT)
    assert 2 == rebuild_projection(store.engine, ACTORS, lambda *_: None)
    assert (6, None, None) == checkpoint_row(store, generation=2)
    assert [("anna", 0), ("beth", 2), ("cleo", 4)] == folded_actors(store, generation=2)
