"""Query plan of the statement that deliveries are rendered from, as the record grows."""

import psycopg
from psycopg.types.array import ListBinaryDumper

from onrecord.domain.ids import new_id
from onrecord.domain.requests import Request
from onrecord.ingest import write_requests
from onrecord.ingest.schemas import ActorIn, StatementIn, TopicIn
from onrecord.kit.sql import db
from onrecord.webhooks import payload
from onrecord.webhooks.delivery.connection import SETTINGS
from tests.support import bodies
from tests.support.store import Store

READ = """
SELECT sum(seq_tup_read)::bigint + (SELECT sum(idx_tup_read)::bigint
    FROM pg_stat_user_indexes WHERE schemaname IN ('projections', 'ledger'))
FROM pg_stat_user_tables WHERE schemaname IN ('projections', 'ledger')
"""
MANY, FEW = 600, 60
"""Things of each kind that come, and how many more rows a rendering may read for them."""


def requests_about(n: int) -> list[Request]:
    """An actor, a topic, and the actor's statement on it with a position."""
    actor, topic = f"actor-{n}", f"topic-{n}"
    coded = bodies.additional_position(actor=actor, topic=topic)
    said = bodies.statement(speakers=[{"actor": actor}], topics=[topic], positions=[coded])
    return [
        write_requests.new_actor(ActorIn.model_validate(bodies.actor(actor))),
        write_requests.new_topic(TopicIn.model_validate(bodies.topic(topic))),
        write_requests.new_statement(StatementIn.model_validate(said), new_id()),
    ]


def test_a_rendering_reads_no_more_of_a_record_that_has_grown(store: Store) -> None:
    """The plan is made once, while the tables are small, and kept."""
    with psycopg.connect(
        db.conninfo(store.url, role="onrecord_webhooks", **SETTINGS), autocommit=True
    ) as conn:
        conn.adapters.register_dumper(list, ListBinaryDumper)

        def render(seq: int) -> str:
            query = db.compiled(payload.EVENTS)
            cursor = conn.cursor(binary=True, row_factory=psycopg.rows.dict_row)
            (row,) = cursor.execute(query, {"seqs": [seq]}, prepare=True).fetchall()
            return payload.event_body(row, "").decode()

        def rows_read(seq: int) -> int:
            before = read()
            assert '"adopted"' in render(seq)
            return read() - before

        def read() -> int:
            conn.execute("SELECT pg_stat_force_next_flush()")
            row = conn.execute(READ.encode()).fetchone()
            assert row
            return int(row[0])

        store.append(*requests_about(0))
        store.catch_up()
        position = 3
        small = [rows_read(position) for _ in range(3)][-1]
        for n in range(1, MANY, 50):
            store.append(*(request for m in range(n, n + 50) for request in requests_about(m)))
        store.catch_up()
        assert rows_read(position) <= small + FEW
        assert rows_read(4 * MANY // 2 + position) <= small + FEW
