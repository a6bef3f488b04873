"""Benchmark: rate of folding projections, against reading the ledger and `eventsourcing`'s runner.

On the UN votes: one worker that catches up with positions, against reading the same entries in
keyset pages; with all projections, against `eventsourcing`'s projection runner, which folds its
events into one table. Then a rebuild of positions by two processes, against one process.

Not part of CI. It downloads `eventsourcing` into an environment in a temporary folder.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import bench
import psycopg
import votes
from competitors import Eventsourcing, installed

from onrecord.kit.processes.gc_tuning import tune_gc
from onrecord.kit.sql import db
from onrecord.ledger import read
from onrecord.projections.engine.catch_up import FOLDING_SETTINGS
from onrecord.projections.engine.catch_up_all import catch_up_all
from onrecord.projections.engine.checkpoints import ensure_checkpoints
from onrecord.projections.engine.projection import PAGE, Projection
from onrecord.projections.engine.rebuild import rebuild_projection
from onrecord.projections.positions import POSITIONS
from onrecord.projections.registry import PROJECTIONS

PAYLOADS = """
LEFT JOIN LATERAL (
    SELECT array_agg(section) AS sections, array_agg(value) AS values
    FROM ledger.payloads WHERE seq = e.seq
) p ON true
"""
READ_PAGE = """
SELECT seq, entry{more} FROM (
    SELECT seq, entry FROM ledger.entries WHERE seq >= %s ORDER BY seq LIMIT %s
) e {payloads} ORDER BY seq
"""


def read_rate(url: str, *, payloads: bool) -> float:
    """Entries a second that a plain reader fetches, page by page."""
    sql = READ_PAGE.format(
        more=", sections, values" if payloads else "", payloads=PAYLOADS if payloads else ""
    )
    with db.connect(url, role="onrecord_projections", **FOLDING_SETTINGS) as conn:
        cursor, count, start = conn.cursor(binary=True), 0, time.perf_counter()
        at = 0
        while page := cursor.execute(sql.encode(), [at, PAGE]).fetchall():
            count, at = count + len(page), page[-1][0] + 1
        return count / (time.perf_counter() - start)


def fold_rate(url: str, projections: Sequence[Projection]) -> float:
    """Entries a second that one worker folds, over the whole ledger."""
    with db.connect(url) as conn:
        for projection in projections:
            conn.execute("DELETE FROM projections.checkpoints WHERE name = %s", [projection.name])
            for table in projection.tables:
                conn.execute(f"TRUNCATE {table.fullname}")
    engine = db.engine(url, role="onrecord_projections", **FOLDING_SETTINGS)
    with engine.begin() as conn:
        ensure_checkpoints(conn, projections)
    bench.settle(url)
    start = time.perf_counter()
    while catch_up_all(engine, projections, bench.raise_error):
        pass
    seconds = time.perf_counter() - start
    engine.dispose()
    with db.connect(url) as conn:
        return read.ledger_size(conn) / seconds


def rebuild_rate(url: str, processes: int) -> float:
    """Entries a second of a rebuild by this many processes, until its generation is live."""
    ready = bench.SPAWN.Barrier(processes + 1)
    helpers = [bench.SPAWN.Process(target=run_rebuild, args=(url, ready)) for _ in range(processes)]
    for process in helpers:
        process.start()
    with db.connect(url) as conn:
        before = _live(conn)
        ready.wait()
        start = time.perf_counter()
        while _live(conn) == before:
            time.sleep(0.002)
        rate = read.ledger_size(conn) / (time.perf_counter() - start)
    for process in helpers:
        process.join()
        assert process.exitcode == 0
    return rate


def run_rebuild(url: str, ready: Barrier) -> None:
    """A process that takes part in a rebuild."""
    tune_gc()
    engine = db.engine(url, role="onrecord_projections", **FOLDING_SETTINGS)
    with engine.connect():
        ready.wait()
    rebuild_projection(engine, POSITIONS, lambda *_: None)


def _live(conn: psycopg.Connection[Any]) -> Any:
    return conn.execute(
        "SELECT generation FROM projections.checkpoints WHERE live AND name = 'positions'"
    ).fetchone()


def _vacuumed(server: str, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("VACUUM projections.steps")
    bench.settle(server)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the CSV files of the unvotes data")
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--votes", type=int, default=50_000)
    parser.add_argument("--theirs", type=int, default=4_000, help="events in a slice of theirs")
    args = parser.parse_args()
    tune_gc()
    with tempfile.TemporaryDirectory() as folder, bench.postgres() as server:
        python = installed(Path(folder))
        theirs = Eventsourcing(python, bench.database(server, "es"), runner=True)
        both, bare = (bench.migrated(server, name) for name in ("both", "bare"))
        size = votes.record_votes(both, args.data, args.votes, bare=False)
        bare_size = votes.record_votes(bare, args.data, args.votes, bare=True)
        run = partial(bench.alternate, slices=args.slices, before=lambda: bench.settle(server))
        unit = "entries/s"
        for title, url, count in (
            ("statements, each with a position", both, size),
            ("positions and nothing else", bare, bare_size),
        ):
            figures = run(
                {
                    "positions": partial(fold_rate, url, [POSITIONS]),
                    "raw read": partial(read_rate, url, payloads=True),
                    "raw read without words": partial(read_rate, url, payloads=False),
                }
            )
            bench.table(f"{count:,} entries: {title}", figures, unit=unit, target=0.3)
        figures = run(
            {
                "all projections": partial(fold_rate, both, PROJECTIONS),
                "eventsourcing's runner": lambda: theirs.rate(args.theirs),
            }
        )
        bench.table(f"All projections, {size:,} entries", figures, unit=unit, target=6)
        theirs.close()
        figures = bench.alternate(
            {
                "two processes": partial(rebuild_rate, both, 2),
                "one process": partial(rebuild_rate, both, 1),
            },
            slices=args.slices,
            before=lambda: _vacuumed(server, both),
        )
        bench.table(f"Rebuild of positions, {size:,} entries", figures, unit=unit, target=1.6)


if __name__ == "__main__":
    main()
