"""Benchmark: time from a POST to the visibility of its position in every read.

The product's own processes on an embedded PostgreSQL, as `onrecord up` runs them. Statements of
1 KB, each with a position, are posted at a steady rate. A position is visible when all projections
that `GET .../position` reads have reached its size; this is checked every millisecond.
"""

import argparse
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import bench
import delivering
import serving
import statements
from deployment import Deployment

from onrecord.kit.sql import db
from onrecord.projections import actors, clock, positions, topics
from onrecord.projections import statements as statements_projection
from onrecord.projections.changes import fold

READ_PROJECTIONS = [
    module.NAME for module in (positions, fold, actors, clock, statements_projection, topics)
]
WRITERS = 16


@dataclass
class VisibilityWatch:
    """The times at which reads reached each size, as (size, time)."""

    url: str
    reached: list[tuple[int, float]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with db.connect(self.url) as conn:
            while not self.over.wait(0.001):
                row = conn.execute(
                    "SELECT min(size) FROM projections.checkpoints WHERE live AND name = ANY(%s)",
                    [READ_PROJECTIONS],
                    prepare=True,
                ).fetchone()
                size = row[0] if row else 0
                if not self.reached or size > self.reached[-1][0]:
                    self.reached.append((size, time.time()))

    def when(self, size: int) -> float | None:
        return next((at for reached, at in self.reached if reached >= size), None)


def position(n: int) -> dict[str, str]:
    """A position for the n-th statement."""
    return {
        "actor": statements.ACTORS[n % 50],
        "topic": statements.TOPICS[n % 20],
        "effective": f"2022-{n % 12 + 1:02}-{n % 28 + 1:02}",
        "stance": "support",
        "summary": "Ready to talk.",
    }


def measure_visibility(deployment: Deployment, rate: float, seconds: float) -> list[float]:
    """Milliseconds from the start of each POST until its position is visible in reads."""
    wires = threading.local()
    watch = VisibilityWatch(deployment.url)
    watcher = threading.Thread(target=watch.run)
    watcher.start()

    def post(n: int, due: float) -> tuple[int, float]:
        if not hasattr(wires, "conn"):
            wires.conn = serving.connection(deployment.port)
        time.sleep(max(0.0, due - time.time()))
        recorded, at = deployment.post(positions=[position(n)], conn=wires.conn)
        return recorded["size"], at

    start = time.time() + 0.1
    with ThreadPoolExecutor(WRITERS) as writers:
        futures = [writers.submit(post, n, start + n / rate) for n in range(int(rate * seconds))]
        posted = [future.result() for future in futures]
    last = max(size for size, _ in posted)
    delivering.wait_for(lambda: watch.when(last) is not None, "all is visible", seconds=30)
    watch.over.set()
    watcher.join()
    milliseconds = [((watch.when(size) or 0) - at) * 1e3 for size, at in posted]
    assert min(milliseconds) > 0
    return milliseconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="of a slice")
    parser.add_argument("--rate", type=float, default=50.0, help="statements a second")
    args = parser.parse_args()
    with bench.postgres() as server, ExitStack() as stack:
        deployment = Deployment(stack, server, "visible")
        cuts = []
        for n in range(-1, args.slices):
            bench.say(f"slice {n + 1} of {args.slices}")
            milliseconds = measure_visibility(deployment, args.rate, args.seconds)
            if n >= 0:
                cuts.append(statistics.quantiles(milliseconds, n=100))
    print(f"\n**{args.rate:g} statements a second, each with a position**\n")
    print("| | ms from POST to visible | target |\n|---|---:|---:|")
    for name, at, target in (("p50", 49, 60), ("p99", 98, 250)):
        print(f"| {name} | {bench.spread([slice_[at] for slice_ in cuts])} | {target} |")


if __name__ == "__main__":
    main()
