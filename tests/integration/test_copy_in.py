"""Is every row of a long page written, each with its own values?"""

from sqlalchemy import select

from onrecord.domain.events import ActorName, ActorRegistered
from onrecord.projections.actors import ACTORS, actors
from onrecord.projections.engine.catch_up import catch_up
from tests.support.histories import registration
from tests.support.record import Record

MANY = 230
"""More than are sent at once, and no multiple of that."""


def test_rows_that_are_sent_in_several_pieces_keep_their_values(on_record: Record) -> None:
    said = [
        ActorRegistered(
            id=f"actor-{n}",
            kind="person" if n % 3 else "office",
            names=(ActorName(name=f"Name {n}", lang="en"),) * (n % 2),
        )
        for n in range(MANY)
    ]
    for one in said:
        on_record.append(registration(one))
    assert MANY == catch_up(on_record.engine, ACTORS)
    of = actors.c
    with on_record.engine.connect() as conn:
        rows = conn.execute(select(of.id, of.kind, of.names, of.event).order_by(of.open_seq))
        found = [tuple(row) for row in rows]
    assert found == [
        (one.id, one.kind, [{"name": name.name, "lang": "en"} for name in one.names], event.id)
        for one, event in zip(said, on_record.events(), strict=True)
    ]
