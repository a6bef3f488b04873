"""Can a projection be made anew without harm to who reads it, or who does the same?"""

import pytest
from httpx2 import Client
from sqlalchemy import Connection

from onrecord.projections.actors import ACTORS
from onrecord.projections.engine import rebuild as rebuilding
from onrecord.projections.engine.projection import Projection, live
from onrecord.projections.engine.rebuild import rebuild
from tests.support import bodies
from tests.support.record import Record


class Killed(Exception):
    """Stands for the end of a process."""


def test_a_rebuilt_projection_says_the_same_in_the_next_generation(
    client: Client, on_record: Record
) -> None:
    client.post("/v1/actors", json=bodies.actor("emma"))
    on_record.catch_up()
    before = client.get("/v1/actors").json()
    assert 2 == rebuild(on_record.engine, ACTORS, lambda *_: None)
    assert before == client.get("/v1/actors").json()


def test_one_who_rebuilds_what_is_being_rebuilt_joins_in(client: Client, on_record: Record) -> None:
    client.post("/v1/actors", json=bodies.actor("emma"))
    on_record.catch_up()
    found: list[int] = []

    def another(*_: int) -> None:
        if not found:
            found.append(rebuild(on_record.engine, ACTORS, lambda *_: None))

    found.append(rebuild(on_record.engine, ACTORS, another))
    assert [2, 2] == found


def test_a_rebuild_that_died_after_its_switch_is_cleared_up_by_the_next(
    client: Client, on_record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/v1/actors", json=bodies.actor("emma"))
    on_record.catch_up()
    clear = rebuilding._clear

    def die_the_second_time(conn: Connection, projection: Projection, *, keep: int) -> None:
        if keep == 2:
            raise Killed
        clear(conn, projection, keep=keep)

    with monkeypatch.context() as patched:
        patched.setattr(rebuilding, "_clear", die_the_second_time)
        with pytest.raises(Killed):
            rebuild(on_record.engine, ACTORS, lambda *_: None)
    assert ["emma"] == [one["id"] for one in client.get("/v1/actors").json()["items"]]
    assert 3 == rebuild(on_record.engine, ACTORS, lambda *_: None)
    with on_record.engine.connect() as conn:
        assert (3, 1) == live(conn, ACTORS)
    assert ["emma"] == [one["id"] for one in client.get("/v1/actors").json()["items"]]


def test_a_rebuild_goes_on_where_it_was_killed(client: Client, on_record: Record) -> None:
    client.post("/v1/actors", json=bodies.actor("emma"))
    on_record.catch_up()

    def die(*_: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        rebuild(on_record.engine, ACTORS, die)
    assert 2 == rebuild(on_record.engine, ACTORS, lambda *_: None)
    assert ["emma"] == [one["id"] for one in client.get("/v1/actors").json()["items"]]
