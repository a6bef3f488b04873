"""A replay of the ledger, which shows whether the projections agree with it.

Folds every entry from the first into scratch tables, with the same folds, and compares them row by
row with the live projections at the same size. Called by `onrecord replay` and by the demo.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, Table, insert, text

from onrecord.projections.engine.checkpoints import checkpoints, live_checkpoint
from onrecord.projections.engine.page import fold_page
from onrecord.projections.engine.projection import Projection
from onrecord.projections.engine.rows_at_size import KEY, rows_at
from onrecord.projections.registry import PROJECTIONS

REPLAY_PAGE: Final = 1000
"""Entries folded in one transaction."""
MAX_SHOWN: Final = 10
"""Differing rows that are shown; counting goes on to the end."""
SCRATCH: Final = 1
"""The generation number in the scratch tables."""

ReplayProgress = Callable[[int, int], None]
"""Takes the entries replayed so far, and how many there are to replay."""


@dataclass(frozen=True)
class Difference:
    """A row that differs between the live and the replayed projection; None: it has no such row."""

    table: str
    live: dict[str, Any] | None
    replayed: dict[str, Any] | None


@dataclass(frozen=True)
class TableComparison:
    """One table: how many rows the replay gave, their digest, and what differs."""

    table: str
    rows: int
    digest: str
    """SHA-256 over the replayed rows in order, in lower-case hex."""
    unequal: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class ReplayOutcome:
    """A replay at a size."""

    size: int
    tables: tuple[TableComparison, ...]

    @property
    def equal(self) -> bool:
        return not any(table.unequal for table in self.tables)

    @property
    def digest(self) -> str:
        """One digest over all tables'."""
        lines = "".join(f"{table.table} {table.digest}\n" for table in self.tables)
        return hashlib.sha256(lines.encode()).hexdigest()


def replay_ledger(engine: Engine, progress: ReplayProgress) -> ReplayOutcome:
    """Replay up to the least live checkpoint, and compare there."""
    with engine.connect() as conn:
        size = min(live_checkpoint(conn, projection)[1] for projection in PROJECTIONS)
        conn.rollback()
        scratch = conn.execution_options(schema_translate_map={"projections": "pg_temp"})
        tables = [table for projection in PROJECTIONS for table in projection.tables]
        for table in (*tables, checkpoints):
            conn.execute(text(_CREATE_SCRATCH.format(table=table.name)))
        rows = [_scratch_checkpoint(projection, size) for projection in PROJECTIONS]
        scratch.execute(insert(checkpoints), rows)
        conn.commit()
        _fold_all(scratch, size, progress)
        comparisons = [
            comparison
            for projection in PROJECTIONS
            for comparison in _compare_projection(engine, scratch, projection, size)
        ]
        conn.invalidate()  # scratch tables end with their connection
    return ReplayOutcome(size, tuple(comparisons))


_CREATE_SCRATCH: Final = "CREATE TEMPORARY TABLE {table} (LIKE projections.{table} INCLUDING ALL)"


def _scratch_checkpoint(projection: Projection, size: int) -> dict[str, Any]:
    """By this row, a fold that reads another projection's live rows reads the scratch ones."""
    return {
        "name": projection.name,
        "generation": SCRATCH,
        "fold": projection.fold_number,
        "size": size,
        "live": True,
    }


def _fold_all(conn: Connection, size: int, progress: ReplayProgress) -> None:
    targets = [(projection, SCRATCH) for projection in PROJECTIONS]
    done = 0
    while done < size:
        end = min(done + REPLAY_PAGE, size)
        fold_page(conn, targets, done, end)
        done = end
        conn.commit()
        progress(done, size)


def _compare_projection(
    engine: Engine, scratch: Connection, projection: Projection, size: int
) -> list[TableComparison]:
    """Compare a projection's tables; again, if a rebuild took the generation away meanwhile."""
    while True:
        with engine.connect() as conn:
            generation, _ = live_checkpoint(conn, projection)
        comparisons = [
            _compare_table(engine, scratch, table, generation, size) for table in projection.tables
        ]
        with engine.connect() as conn:
            if live_checkpoint(conn, projection)[0] == generation:
                return comparisons


def _compare_table(
    engine: Engine, scratch: Connection, table: Table, generation: int, size: int
) -> TableComparison:
    differences: list[Difference] = []
    count, unequal, digest = 0, 0, hashlib.sha256()
    with engine.connect() as conn:
        pairs = _side_by_side(
            _rows(conn, table, generation, size), _rows(scratch, table, SCRATCH, size)
        )
        for current, replayed in pairs:
            if replayed is not None:
                count += 1
                digest.update(orjson.dumps(replayed, default=str) + b"\n")
            if current != replayed:
                unequal += 1
                if len(differences) < MAX_SHOWN:
                    differences.append(Difference(table.name, current, replayed))
    return TableComparison(table.name, count, digest.hexdigest(), unequal, tuple(differences))


def _rows(conn: Connection, table: Table, generation: int, size: int) -> Iterator[dict[str, Any]]:
    query = rows_at(table, generation, size).execution_options(yield_per=1000)
    for row in conn.execute(query).mappings():
        yield {str(name): value for name, value in row.items()}


def _side_by_side(
    live_rows: Iterator[dict[str, Any]], replayed: Iterator[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any] | None, dict[str, Any] | None]]:
    """Pair rows of one key, the two in its order."""
    left, right = next(live_rows, None), next(replayed, None)
    while left is not None or right is not None:
        if right is None or (left is not None and _key(left) < _key(right)):
            yield left, None
            left = next(live_rows, None)
        elif left is None or _key(right) < _key(left):
            yield None, right
            right = next(replayed, None)
        else:
            yield left, right
            left, right = next(live_rows, None), next(replayed, None)


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in KEY if name in row)
