"""Query plans of the committer's connection as the ledger grows."""

from onrecord.entrypoints import infrastructure
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import seal_request
from tests.support.committing import position_request, seed
from tests.support.store import Store

MANY, FEW = 3_000, 40
"""Entries that come, and how many more rows a commit may go through for them."""


def test_a_commit_reads_no_more_of_a_ledger_that_has_grown(store: Store) -> None:
    seed(store)
    with infrastructure.writer(store.url) as conn:

        def rows() -> int:
            """Rows of tables that one commit goes through without an index."""
            before = read()
            append(conn, [seal_request(position_request())])
            return read() - before

        def read() -> int:
            conn.execute("SELECT pg_stat_force_next_flush()")
            row = conn.execute(
                "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables"
                " WHERE schemaname = 'ledger'"
            ).fetchone()
            assert row
            return int(row[0])

        for _ in range(12):  # by now its plans are made, for good
            append(conn, [seal_request(position_request())])
        small = rows()
        for _ in range(MANY // 100):
            append(conn, [seal_request(position_request()) for _ in range(100)])
        assert rows() <= small + FEW
