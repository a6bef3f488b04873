"""Bulk insert by COPY: every row is written with its own values."""

from sqlalchemy import select

from onrecord.domain.events import ActorName, ActorRegistered
from onrecord.projections.actors import ACTORS, actors
from onrecord.projections.engine.catch_up import catch_up
from tests.support.histories import registration
from tests.support.record import Record

ROWS = 230


def test_every_row_keeps_its_values(on_record: Record) -> None:
    registrations = [
        ActorRegistered(
            id=f"actor-{n}",
            kind="person" if n % 3 else "office",
            names=(ActorName(name=f"Name {n}", lang="en"),) * (n % 2),
        )
        for n in range(ROWS)
    ]
    for actor in registrations:
        on_record.append(registration(actor))
    assert ROWS == catch_up(on_record.engine, ACTORS)
    c = actors.c
    with on_record.engine.connect() as conn:
        rows = conn.execute(select(c.id, c.kind, c.names, c.event).order_by(c.open_seq))
        written = [tuple(row) for row in rows]
    assert written == [
        (
            actor.id,
            actor.kind,
            [{"name": name.name, "lang": "en"} for name in actor.names],
            event.id,
        )
        for actor, event in zip(registrations, on_record.events(), strict=True)
    ]
