"""How fast are projections folded, against reading the ledger and against another library's runner?

On a record of UN votes: one worker's catching up with positions against reading the same entries in
keyset pages, and with all projections against `eventsourcing`'s projection runner, which folds its
events into one table. Then a rebuild of positions by two processes against one by one.

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

from onrecord.kit.processes.gc_tuning import spare_collector
from onrecord.kit.sql import db
from onrecord.ledger import read
from onrecord.projections.engine.catch_up import SETTINGS, catch_up, in_turns, prepare
from onrecord.projections.engine.projection import PAGE, Projection
from onrecord.projections.engine.rebuild import rebuild
from onrecord.projections.positions import POSITIONS
from onrecord.projections.registry import PROJECTIONS

WORDS = """
LEFT JOIN LATERAL (
    SELECT array_agg(section) AS sections, array_agg(value) AS values
    FROM ledger.payloads WHERE seq = e.seq
) p ON true
"""
READ = """
SELECT seq, entry{more} FROM (
    SELECT seq, entry FROM ledger.entries WHERE seq >= %s ORDER BY seq LIMIT %s
) e {words} ORDER BY seq
"""


def reads(url: str, *, words: bool) -> float:
    """Entries a second that a raw reader gets, page by page."""
    sql = READ.format(more=", sections, values" if words else "", words=WORDS if words else "")
    with bench.connect(url, role="onrecord_projections", **SETTINGS) as conn:
        cursor, count, start = conn.cursor(binary=True), 0, time.perf_counter()
        at = 0
        while page := cursor.execute(sql.encode(), [at, PAGE]).fetchall():
            count, at = count + len(page), page[-1][0] + 1
        return count / (time.perf_counter() - start)


def folds(url: str, projections: Sequence[Projection]) -> float:
    """Entries a second that one worker folds, from the first to the last."""
    with db.connect(url) as conn:
        for one in projections:
            conn.execute("DELETE FROM projections.checkpoints WHERE name = %s", [one.name])
            for table in one.tables:
                conn.execute(f"TRUNCATE {table.fullname}")
    engine = db.engine(url, role="onrecord_projections", **SETTINGS)
    prepare(engine, tuple(projections))
    bench.settle(url)
    start = time.perf_counter()
    in_turns(projections, lambda one, what: what(engine, one))  # as a worker does
    for one in projections:
        catch_up(engine, one)
    seconds = time.perf_counter() - start
    engine.dispose()
    with db.connect(url) as conn:
        return read.ledger_size(conn) / seconds


def rebuilds(url: str, processes: int) -> float:
    """Entries a second that a rebuild by so many goes through, until what it made is live."""
    ready = bench.SPAWN.Barrier(processes + 1)
    started = [bench.SPAWN.Process(target=helps, args=(url, ready)) for _ in range(processes)]
    for one in started:
        one.start()
    with db.connect(url) as conn:
        before = _live(conn)
        ready.wait()
        start = time.perf_counter()
        while _live(conn) == before:
            time.sleep(0.002)
        rate = read.ledger_size(conn) / (time.perf_counter() - start)
    for one in started:
        one.join()
        assert one.exitcode == 0
    return rate


def helps(url: str, ready: Barrier) -> None:
    """One of those who rebuild."""
    spare_collector()
    engine = db.engine(url, role="onrecord_projections", **SETTINGS)
    with engine.connect():
        ready.wait()
    rebuild(engine, POSITIONS, lambda *_: None)


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
    given = parser.parse_args()
    spare_collector()
    with tempfile.TemporaryDirectory() as folder, bench.postgres() as server:
        python = installed(Path(folder))
        theirs = Eventsourcing(python, bench.database(server, "es"), runner=True)
        both, bare = (bench.migrated(server, name) for name in ("both", "bare"))
        size = votes.fill(both, given.data, given.votes, bare=False)
        held = votes.fill(bare, given.data, given.votes, bare=True)
        run = partial(bench.alternate, slices=given.slices, before=lambda: bench.settle(server))
        unit = "entries/s"
        for told, url, count in (
            ("statements, each with a position", both, size),
            ("positions and nothing else", bare, held),
        ):
            found = run(
                {
                    "positions": partial(folds, url, [POSITIONS]),
                    "raw read": partial(reads, url, words=True),
                    "raw read without words": partial(reads, url, words=False),
                }
            )
            bench.table(f"{count:,} entries: {told}", found, unit=unit, target=0.3)
        found = run(
            {
                "all projections": partial(folds, both, PROJECTIONS),
                "eventsourcing's runner": lambda: theirs.rate(given.theirs),
            }
        )
        bench.table(f"All projections, {size:,} entries", found, unit=unit, target=10)
        theirs.close()
        found = bench.alternate(
            {
                "two processes": partial(rebuilds, both, 2),
                "one process": partial(rebuilds, both, 1),
            },
            slices=given.slices,
            before=lambda: _vacuumed(server, both),
        )
        bench.table(f"Rebuild of positions, {size:,} entries", found, unit=unit, target=1.6)


if __name__ == "__main__":
    main()
