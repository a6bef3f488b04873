"""The clock of the ledger: which size it had at which time.

One row a distinct `recorded_at`: the first seq recorded then, and the size after the last. The read
API turns `known_at` into a size by it, and tells when a size was reached.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from onrecord.ledger.follow import CommitSpan
from onrecord.projections.engine.projection import (
    Projection,
    fold_sql,
    metadata,
    psycopg_connection,
)

NAME = "clock"

clock = Table(
    "clock",
    metadata,
    Column("generation", Integer, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("open_seq", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    PrimaryKeyConstraint("generation", "recorded_at"),
    UniqueConstraint("generation", "open_seq"),
)


def fold(conn: Connection, generation: int, page: Sequence[CommitSpan]) -> None:
    """Insert each new time; a page may end within a commit, so a time's size may grow."""
    times: dict[datetime, tuple[int, int]] = {}
    for commit in page:
        first, _ = times.get(commit.recorded_at, (commit.first, 0))
        times[commit.recorded_at] = (first, commit.seq + 1)
    firsts, sizes = zip(*times.values(), strict=True)
    params = {"generation": generation, "times": [*times]}
    params |= {"firsts": [*firsts], "sizes": [*sizes]}
    psycopg_connection(conn).execute(fold_sql(conn, _INSERT_TIMES), params)


_INSERT_TIMES: Final = """
INSERT INTO projections.clock AS c (generation, recorded_at, open_seq, size)
SELECT %(generation)s::integer, *
FROM unnest(%(times)b::timestamptz[], %(firsts)b::bigint[], %(sizes)b::bigint[])
ON CONFLICT (generation, recorded_at) DO UPDATE SET size = greatest(c.size, excluded.size)
"""

CLOCK = Projection(
    NAME, fold_number=1, tables=(clock,), fold=fold, event_types=None, splittable=False
)
