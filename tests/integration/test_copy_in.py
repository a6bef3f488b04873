"""COPY of many rows: every row is written, with its own values."""

from sqlalchemy import select

from onrecord.domain.events import ActorName, ActorRegistered
from onrecord.projections.actors import ACTORS, actors
from tests.support.histories import registration
from tests.support.record import Record

MANY = 230
"""More than are sent at once, and no multiple of that."""


def test_rows_that_are_sent_in_several_pieces_keep_their_values(on_record: Record) -> None:
    registered = [
        ActorRegistered(
            id=f"actor-{n}",
            kind="person" if n % 3 else "office",
            names=(ActorName(name=f"Name {n}", lang="en"),) * (n % 2),
        )
        for n in range(MANY)
    ]
    for event in registered:
        on_record.append(registration(event))
    on_record.catch_up(ACTORS)
    table = actors.c
    with on_record.engine.connect() as conn:
        rows = conn.execute(
            select(table.id, table.kind, table.names, table.event).order_by(table.open_seq)
        )
        written = [tuple(row) for row in rows]
    assert written == [
        (actor.id, actor.kind, [{"name": n.name, "lang": "en"} for n in actor.names], entry.id)
        for actor, entry in zip(registered, on_record.events(), strict=True)
    ]
