"""Projections that read another's rows: they stay behind it, and find its rows at each size.

With a projection made up here: at each position, how many its actor had by then.
"""

import threading
from collections.abc import Sequence
from uuid import uuid4

import pytest
from sqlalchemy import BigInteger, Column, Connection, Integer, PrimaryKeyConstraint, Table, text

from onrecord.domain.event import RecordedEvent
from onrecord.domain.events import ActorRegistered, PositionChanged, TopicRegistered
from onrecord.kit.sql import db
from onrecord.projections.engine.checkpoints import ensure_checkpoints, foldable_size
from onrecord.projections.engine.projection import Projection, fold_sql, metadata
from onrecord.projections.engine.rebuild import rebuild_projection
from onrecord.projections.positions import POSITIONS
from tests.support.histories import position, registration, request
from tests.support.processes import until
from tests.support.record import Record

position_counts = Table(
    "held_by_then",
    metadata,
    Column("generation", Integer, nullable=False),
    Column("open_seq", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    PrimaryKeyConstraint("generation", "open_seq"),
)
metadata.remove(position_counts)  # of no migration

COUNT = """
INSERT INTO projections.held_by_then
SELECT :generation, :seq, count(*) FROM projections.steps
WHERE actor = :actor AND open_seq <= :seq AND generation = (
    SELECT generation FROM projections.checkpoints WHERE live AND name = 'positions')
"""


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    for entry in page:
        assert isinstance(entry.event, PositionChanged)
        params = {"generation": generation, "seq": entry.seq, "actor": entry.event.actor}
        conn.execute(text(fold_sql(conn, COUNT).decode()), params)


SECOND = Projection(
    "held_by_then",
    fold_number=1,
    tables=(position_counts,),
    fold=fold,
    event_types=frozenset({PositionChanged.type}),
    splittable=False,
    reads_from=("positions", "actors"),
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
    with on_record.engine.begin() as conn:
        ensure_checkpoints(conn, [SECOND])
    return on_record


def says(on_record: Record, sql: str) -> list[tuple[int, ...]]:
    with on_record.engine.connect() as conn:
        return [tuple(row) for row in conn.execute(text(sql))]


def test_a_projection_is_never_folded_beyond_those_that_it_reads_from(on_record: Record) -> None:
    on_record.append(*(request(uuid4(), position()) for _ in range(3)))
    on_record.catch_up(SECOND)
    assert 0 == on_record.sizes()[SECOND.name]
    on_record.catch_up(POSITIONS)
    on_record.catch_up(SECOND)
    assert 0 == on_record.sizes()[SECOND.name]
    on_record.catch_up()
    on_record.catch_up(SECOND)
    assert 5 == on_record.sizes()[SECOND.name]
    counts = "SELECT open_seq, count FROM projections.held_by_then ORDER BY open_seq"
    assert [(2, 1), (3, 2), (4, 3)] == says(on_record, counts)


def test_rows_that_a_fold_reads_stay_though_a_rebuild_replaces_them(
    on_record: Record,
) -> None:
    on_record.append(*(request(uuid4(), position()) for _ in range(3)))
    on_record.catch_up()
    rows = "SELECT generation, count(*) FROM projections.steps GROUP BY 1 ORDER BY 1"
    live = "SELECT generation FROM projections.checkpoints WHERE live AND name = 'positions'"
    rebuilder = threading.Thread(
        target=rebuild_projection, args=(on_record.engine, POSITIONS, lambda *_: None)
    )
    with on_record.engine.begin() as conn:
        assert 5 == foldable_size(conn, SECOND)
        rebuilder.start()
        until(lambda: [(2,)] == says(on_record, live), "the next one is live")
        assert [(1, 3), (2, 3)] == says(on_record, rows)
        on_record.append(request(uuid4(), position()))
        on_record.catch_up(POSITIONS)  # and is folded on
    rebuilder.join()
    assert [(2, 4)] == says(on_record, rows)
