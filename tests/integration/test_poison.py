"""Does an event that cannot be folded stop its projection, only it, exactly there?"""

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from onrecord.domain.event import RecordedEvent
from sqlalchemy import Connection, select

from onrecord.domain.events import ActorRegistered, TopicRegistered
from onrecord.ledger.entry import decode_whole
from onrecord.projections import actors
from onrecord.projections.actors import ACTORS
from onrecord.projections.engine.catch_up import catch_up
from onrecord.projections.engine.poison import Stopped
from onrecord.projections.engine.projection import Projection, checkpoints
from onrecord.projections.engine.rebuild import rebuild
from onrecord.projections.topics import TOPICS
from tests.support.histories import registration
from tests.support.record import Record

PLANT = "ALTER TABLE projections.actors ADD CONSTRAINT no_beth CHECK (id <> 'beth') NOT VALID"
MEND = "ALTER TABLE projections.actors DROP CONSTRAINT no_beth"


def register(on_record: Record, *slugs: str) -> None:
    """An actor each, and a topic after each."""
    for slug in slugs:
        on_record.append(registration(ActorRegistered(id=slug, kind="person")))
        on_record.append(registration(TopicRegistered(id=f"on-{slug}")))


def admin(on_record: Record, sql: str) -> None:
    with psycopg.connect(on_record.url, autocommit=True) as conn:
        conn.execute(sql.encode())


def place(on_record: Record, projection: Projection = ACTORS, generation: int = 1) -> Any:
    """(checkpoint, seq and error of the stop)"""
    of = checkpoints.c
    with on_record.engine.connect() as conn:
        return tuple(
            conn.execute(
                select(of.size, of.stopped_seq, of.stopped_error).where(
                    of.name == projection.name, of.generation == generation
                )
            ).one()
        )


def folded(on_record: Record, generation: int = 1) -> list[tuple[str, int]]:
    of = actors.actors.c
    with on_record.engine.connect() as conn:
        query = select(of.id, of.open_seq).where(of.generation == generation).order_by(of.open_seq)
        return [(slug, seq) for slug, seq in conn.execute(query)]


def stopped(on_record: Record, projection: Projection = ACTORS) -> Stopped:
    with pytest.raises(Stopped) as raised:
        catch_up(on_record.engine, projection)
    return raised.value


def test_it_stops_its_projection_there_and_is_folded_once_the_data_is_mended(
    on_record: Record,
) -> None:
    register(on_record, "anna", "beth", "cleo")
    admin(on_record, PLANT)
    first = stopped(on_record)
    event = on_record.events()[2]
    expected = (2, event.id, "actor.registered", "CheckViolation: actors, no_beth")
    assert expected == (first.stop.seq, first.stop.event, first.stop.type, first.stop.error)
    assert (2, 2, "CheckViolation: actors, no_beth") == place(on_record)
    assert [("anna", 0)] == folded(on_record)
    catch_up(on_record.engine, TOPICS)
    assert (6, None, None) == place(on_record, TOPICS)
    register(on_record, "dora")
    again = stopped(on_record)
    assert [True, False] == [first.new, again.new]
    assert (2, 2, "CheckViolation: actors, no_beth") == place(on_record)
    admin(on_record, MEND)
    on_record.catch_up()
    assert (8, None, None) == place(on_record)
    assert [("anna", 0), ("beth", 2), ("cleo", 4), ("dora", 6)] == folded(on_record)


def test_what_no_fold_can_take_is_named_without_a_word_of_it(
    on_record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(on_record, "anna", "beth")

    def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
        actors.fold(conn, generation, page)
        if any(getattr(one.event, "id", "") == "beth" for one in page):
            raise ValueError("the secret words")

    broken = Projection(ACTORS.name, ACTORS.number, ACTORS.tables, fold, ACTORS.hears)
    found = stopped(on_record, broken)
    assert (2, "ValueError: projections/catch_up.py") == (
        found.stop.seq,
        found.stop.error.split(",")[0],
    )
    assert [("anna", 0)] == folded(on_record)
    catch_up(on_record.engine, ACTORS)  # the program is mended
    assert (4, None, None) == place(on_record)
    assert [("anna", 0), ("beth", 2)] == folded(on_record)


UNHEARD_OF = """
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
"""An entry as a later program may write it: an actor of a kind that this one does not know."""


def test_an_entry_that_is_no_event_to_this_program_stops_who_hears_it(
    on_record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(on_record, "anna", "beth")
    on_record.append(registration(ActorRegistered(id="cleo", kind="person")))
    admin(on_record, UNHEARD_OF)
    on_record.append(registration(ActorRegistered(id="dora", kind="person")))
    error = "ValidationError: ActorRegistered, /kind: literal_error"
    assert (5, error) == (stopped(on_record).stop.seq, stopped(on_record).stop.error)
    assert (5, 5, error) == place(on_record)

    def newer(whole: bytes) -> RecordedEvent:
        return decode_whole(whole.replace(b'"robot"', b'"group"'))

    monkeypatch.setattr("onrecord.ledger.read.decode_whole", newer)
    on_record.catch_up()
    expected = [("anna", 0), ("beth", 2), ("cleo", 4), ("hal", 5), ("dora", 6)]
    assert expected == folded(on_record)


@pytest.mark.parametrize("error", [psycopg.errors.DeadlockDetected, psycopg.OperationalError])
def test_a_deadlock_or_a_lost_database_is_no_fault_of_an_event(
    on_record: Record, error: type[psycopg.Error]
) -> None:
    register(on_record, "anna", "beth")

    def fold(*_: object) -> None:
        raise error

    broken = Projection(ACTORS.name, ACTORS.number, ACTORS.tables, fold, ACTORS.hears)
    with pytest.raises(error):
        catch_up(on_record.engine, broken)
    assert (0, None, None) == place(on_record)


def test_a_rebuild_stops_there_too_keeps_what_it_has_and_goes_on(on_record: Record) -> None:
    register(on_record, "anna", "beth", "cleo")
    on_record.catch_up()
    admin(on_record, PLANT)
    with pytest.raises(Stopped) as raised:
        rebuild(on_record.engine, ACTORS, lambda *_: None)
    assert 2 == raised.value.stop.seq
    assert (0, 2, "CheckViolation: actors, no_beth") == place(on_record, generation=2)
    assert (6, None, None) == place(on_record)
    admin(on_record, MEND)
    assert 2 == rebuild(on_record.engine, ACTORS, lambda *_: None)
    assert (6, None, None) == place(on_record, generation=2)
    assert [("anna", 0), ("beth", 2), ("cleo", 4)] == folded(on_record, generation=2)
