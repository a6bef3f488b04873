"""Rebuilds of a projection while it is read, joined by others, or killed."""

import pytest
from httpx2 import Client
from sqlalchemy import Connection

from onrecord.projections.actors import ACTORS
from onrecord.projections.engine import rebuild as rebuild_module
from onrecord.projections.engine.checkpoints import live_checkpoint
from onrecord.projections.engine.projection import Projection
from onrecord.projections.engine.rebuild import rebuild_projection
from tests.support import bodies
from tests.support.store import Store


class Killed(Exception):
    """Raised where a process is killed."""


def test_a_rebuilt_projection_answers_the_same_from_the_next_generation(
    client: Client, store: Store
) -> None:
    client.post("/v1/actors", json=bodies.actor("emma"))
    store.catch_up()
    before = client.get("/v1/actors").json()
    assert 2 == rebuild_projection(store.engine, ACTORS, lambda *_: None)
    assert before == client.get("/v1/actors").json()


def test_a_second_rebuild_joins_the_first(client: Client, store: Store) -> None:
    client.post("/v1/actors", json=bodies.actor("emma"))
    store.catch_up()
    generations: list[int] = []

    def second_rebuild(*_: int) -> None:
        if not generations:
            generations.append(rebuild_projection(store.engine, ACTORS, lambda *_: None))

    generations.append(rebuild_projection(store.engine, ACTORS, second_rebuild))
    assert [2, 2] == generations


def test_a_rebuild_killed_after_its_switch_is_cleaned_up_by_the_next(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/v1/actors", json=bodies.actor("emma"))
    store.catch_up()
    delete_old = rebuild_module._delete_old

    def die_the_second_time(conn: Connection, projection: Projection, *, keep: int) -> None:
        if keep == 2:
            raise Killed
        delete_old(conn, projection, keep=keep)

    with monkeypatch.context() as patched:
        patched.setattr(rebuild_module, "_delete_old", die_the_second_time)
        with pytest.raises(Killed):
            rebuild_projection(store.engine, ACTORS, lambda *_: None)
    assert ["emma"] == [item["id"] for item in client.get("/v1/actors").json()["items"]]
    assert 3 == rebuild_projection(store.engine, ACTORS, lambda *_: None)
    with store.engine.connect() as conn:
        assert (3, 1) == live_checkpoint(conn, ACTORS)
    assert ["emma"] == [item["id"] for item in client.get("/v1/actors").json()["items"]]


def test_a_rebuild_goes_on_where_it_was_killed(client: Client, store: Store) -> None:
    client.post("/v1/actors", json=bodies.actor("emma"))
    store.catch_up()

    def die(*_: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        rebuild_projection(store.engine, ACTORS, die)
    assert 2 == rebuild_projection(store.engine, ACTORS, lambda *_: None)
    assert ["emma"] == [item["id"] for item in client.get("/v1/actors").json()["items"]]
