"""Does a projection that reads another's rows stay behind it, and find what it said at each size?

With a projection made up here: at each position, how many its actor had by then.
"""

import threading
from collections.abc import Sequence
from uuid import uuid4

import pytest
from onrecord.domain.event import RecordedEvent
from sqlalchemy import BigInteger, Column, Connection, Integer, PrimaryKeyConstraint, Table, text

from onrecord.domain.events import ActorRegistered, PositionChanged, TopicRegistered
from onrecord.kit.sql import db
from onrecord.projections.engine.catch_up import catch_up, prepare
from onrecord.projections.engine.projection import Projection, end, metadata, reached, schema
from onrecord.projections.engine.rebuild import rebuild
from onrecord.projections.positions import POSITIONS
from tests.support.histories import position, registration, request
from tests.support.processes import until
from tests.support.record import Record

held = Table(
    "held_by_then",
    metadata,
    Column("generation", Integer, nullable=False),
    Column("open_seq", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    PrimaryKeyConstraint("generation", "open_seq"),
)
metadata.remove(held)  # of no migration

COUNT = """
INSERT INTO {s}.held_by_then
SELECT :generation, :seq, count(*) FROM {s}.steps WHERE actor = :actor AND open_seq <= :seq
    AND generation = (SELECT generation FROM {s}.checkpoints WHERE live AND name = 'positions')
"""


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    for one in page:
        assert isinstance(one.event, PositionChanged)
        given = {"generation": generation, "seq": one.seq, "actor": one.event.actor}
        conn.execute(text(COUNT.format(s=schema(conn))), given)


SECOND = Projection(
    "held_by_then",
    number=1,
    tables=(held,),
    fold=fold,
    hears=frozenset({PositionChanged.type}),
    split=False,
    after=("positions", "actors"),
)


@pytest.fixture
def on_record(on_record: Record) -> Record:
    with db.connect(on_record.url) as conn:
        conn.execute(
            "CREATE TABLE projections.held_by_then (generation integer, open_seq bigint,"
            " count integer); GRANT ALL ON projections.held_by_then TO onrecord_projections"
        )
    on_record.append(registration(ActorRegistered(id="ann", kind="person")))
    on_record.append(registration(TopicRegistered(id="talks")))
    prepare(on_record.engine, (SECOND,))
    return on_record


def says(on_record: Record, sql: str) -> list[tuple[int, ...]]:
    with on_record.engine.connect() as conn:
        return [tuple(row) for row in conn.execute(text(sql))]


def place(on_record: Record, name: str) -> int:
    with on_record.engine.connect() as conn:
        return reached(conn, [name])


def test_it_is_never_folded_beyond_those_whose_rows_it_reads(on_record: Record) -> None:
    on_record.append(*(request(uuid4(), position()) for _ in range(3)))
    assert 0 == catch_up(on_record.engine, SECOND)
    catch_up(on_record.engine, POSITIONS)
    assert [0, 0] == [catch_up(on_record.engine, SECOND), place(on_record, "held_by_then")]
    on_record.catch_up()
    assert 5 == catch_up(on_record.engine, SECOND)
    counts = "SELECT open_seq, count FROM projections.held_by_then ORDER BY open_seq"
    assert [(2, 1), (3, 2), (4, 3)] == says(on_record, counts)


def test_what_it_reads_stays_while_it_does_though_a_rebuild_takes_its_place(
    on_record: Record,
) -> None:
    on_record.append(*(request(uuid4(), position()) for _ in range(3)))
    on_record.catch_up()
    rows = "SELECT generation, count(*) FROM projections.steps GROUP BY 1 ORDER BY 1"
    live = "SELECT generation FROM projections.checkpoints WHERE live AND name = 'positions'"
    rebuilder = threading.Thread(
        target=rebuild, args=(on_record.engine, POSITIONS, lambda *_: None)
    )
    with on_record.engine.begin() as conn:
        assert 5 == end(conn, SECOND)
        rebuilder.start()
        until(lambda: [(2,)] == says(on_record, live), "the next one is live")
        assert [(1, 3), (2, 3)] == says(on_record, rows)
        on_record.append(request(uuid4(), position()))
        catch_up(on_record.engine, POSITIONS)  # and is folded on
    rebuilder.join()
    assert [(2, 4)] == says(on_record, rows)
