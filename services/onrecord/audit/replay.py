"""Do the projections say what the ledger says?

Folds every entry from the first one into scratch tables, with the same folds, and compares them row
by row with the live projections at the same size. Called by `onrecord replay` and by the demo.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, Table, insert, text

from onrecord.projections.engine.pages import page
from onrecord.projections.engine.projection import Projection, checkpoints, live
from onrecord.projections.engine.rows_at_size import KEY, rows_at
from onrecord.projections.registry import PROJECTIONS

PAGE: Final = 1000
"""Entries after which every projection has folded all that it hears up to there."""
SHOWN: Final = 10
"""Differing rows that are told; counting goes on to the end."""
SCRATCH: Final = 1
"""The generation number in the scratch tables."""

Progress = Callable[[int, int], None]
"""Told the entries replayed so far, and how many there are to replay."""


@dataclass(frozen=True)
class Difference:
    """A place where the two disagree; None where one of them has no row."""

    table: str
    live: dict[str, Any] | None
    replayed: dict[str, Any] | None


@dataclass(frozen=True)
class Compared:
    """One table: how many rows the replay gave, their digest, and what differs."""

    table: str
    rows: int
    digest: str
    """SHA-256 over the replayed rows in order, in lower-case hex."""
    unequal: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Outcome:
    """A replay at a size."""

    size: int
    tables: tuple[Compared, ...]

    @property
    def equal(self) -> bool:
        return not any(one.unequal for one in self.tables)

    @property
    def digest(self) -> str:
        """One digest over all tables'."""
        told = "".join(f"{one.table} {one.digest}\n" for one in self.tables)
        return hashlib.sha256(told.encode()).hexdigest()


def replay(engine: Engine, progress: Progress) -> Outcome:
    """Replay up to the least live checkpoint, and compare there."""
    with engine.connect() as conn:
        size = min(live(conn, one)[1] for one in PROJECTIONS)
        conn.rollback()
        scratch = conn.execution_options(schema_translate_map={"projections": "pg_temp"})
        tables = [table for projection in PROJECTIONS for table in projection.tables]
        for table in (*tables, checkpoints):
            conn.execute(text(_SCRATCH.format(table=table.name)))
        scratch.execute(insert(checkpoints), [_checkpoint(one, size) for one in PROJECTIONS])
        conn.commit()
        _fold_all(scratch, size, progress)
        found = [_compared(engine, scratch, one, size) for one in PROJECTIONS]
        conn.invalidate()  # scratch tables end with their connection
    return Outcome(size, tuple(one for tables in found for one in tables))


_SCRATCH: Final = "CREATE TEMPORARY TABLE {table} (LIKE projections.{table} INCLUDING ALL)"


def _checkpoint(projection: Projection, size: int) -> dict[str, Any]:
    """What tells a fold that reads another projection's live rows to read the scratch ones."""
    return {
        "name": projection.name,
        "generation": SCRATCH,
        "fold": projection.number,
        "size": size,
        "live": True,
    }


def _fold_all(conn: Connection, size: int, progress: Progress) -> None:
    """In the order of the registry: what one reads of another is there."""
    done = 0
    while done < size:
        end = min(done + PAGE, size)
        for projection in PROJECTIONS:
            if heard := page(conn, projection, done, end).heard:
                projection.fold(conn, SCRATCH, heard)
        done = end
        conn.commit()
        progress(done, size)


def _compared(
    engine: Engine, scratch: Connection, projection: Projection, size: int
) -> list[Compared]:
    """Compare a projection's tables; again, if a rebuild took the generation away meanwhile."""
    while True:
        with engine.connect() as conn:
            generation, _ = live(conn, projection)
        found = [_compare(engine, scratch, table, generation, size) for table in projection.tables]
        with engine.connect() as conn:
            if live(conn, projection)[0] == generation:
                return found


def _compare(
    engine: Engine, scratch: Connection, table: Table, generation: int, size: int
) -> Compared:
    differences: list[Difference] = []
    count, unequal, digest = 0, 0, hashlib.sha256()
    with engine.connect() as conn:
        pairs = _side_by_side(
            _rows(conn, table, generation, size), _rows(scratch, table, SCRATCH, size)
        )
        for believed, replayed in pairs:
            if replayed is not None:
                count += 1
                digest.update(orjson.dumps(replayed, default=str) + b"\n")
            if believed != replayed:
                unequal += 1
                if len(differences) < SHOWN:
                    differences.append(Difference(table.name, believed, replayed))
    return Compared(table.name, count, digest.hexdigest(), unequal, tuple(differences))


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
