"""Bulk insert by COPY: every row is written with its own values."""

from sqlalchemy import select

from onrecord.domain.events import ActorName, ActorRegistered
from onrecord.projections.actors import ACTORS, actors
from tests.support.histories import registration
from tests.support.store import Store

ROWS = 230


def test_every_row_keeps_its_values(store: Store) -> None:
    registered = [
        ActorRegistered(
            id=f"actor-{n}",
            kind="person" if n % 3 else "office",
            names=(ActorName(name=f"Name {n}", lang="en"),) * (n % 2),
        )
        for n in range(ROWS)
    ]
    for event in registered:
        store.append(registration(event))
    store.catch_up(ACTORS)
    table = actors.c
    with store.engine.connect() as conn:
        rows = conn.execute(
            select(table.id, table.kind, table.names, table.event).order_by(table.open_seq)
        )
        written = [tuple(row) for row in rows]
    assert written == [
        (actor.id, actor.kind, [{"name": n.name, "lang": "en"} for n in actor.names], entry.id)
        for actor, entry in zip(registered, store.events(), strict=True)
    ]
