"""Which size did the ledger have at which time, and when was an entry recorded?

One row a distinct `recorded_at`: the first seq recorded then, and the size after the last. Asked by
the read door to turn `known_at` into a size, and to say when a size was reached.
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

from onrecord.ledger.follow import Commit, driver
from onrecord.projections.engine.projection import Projection, metadata, schema

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


def fold(conn: Connection, generation: int, page: Sequence[Commit]) -> None:
    """Note each new time; a page may end within a commit, so a time's size may grow."""
    times: dict[datetime, tuple[int, int]] = {}
    for one in page:
        first, _ = times.get(one.recorded_at, (one.first, 0))
        times[one.recorded_at] = (first, one.seq + 1)
    firsts, sizes = zip(*times.values(), strict=True)
    driver(conn).execute(
        _NOTE.format(schema=schema(conn)), [generation, [*times], [*firsts], [*sizes]]
    )


_NOTE: Final = """
INSERT INTO "{schema}".clock AS c (generation, recorded_at, open_seq, size)
SELECT %s::integer, * FROM unnest(%b::timestamptz[], %b::bigint[], %b::bigint[])
ON CONFLICT (generation, recorded_at) DO UPDATE SET size = greatest(c.size, excluded.size)
"""

CLOCK = Projection(NAME, number=1, tables=(clock,), fold=fold, hears=None)
