"""How long from a POST to the position in every read?

The product's own processes on an embedded PostgreSQL, as `onrecord up` runs them. Statements of
1 KB, each with its position along, come at a steady pace. A position is visible when all that
`GET .../position` reads has got so far; that is looked up every millisecond.
"""

import argparse
import http.client
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import bench
import delivering
import statements
from stage import Stage

from onrecord.kit.sql import db
from onrecord.projections import actors, clock, positions, topics
from onrecord.projections import statements as words
from onrecord.projections.changes import fold

READ = [one.NAME for one in (positions, fold, actors, clock, words, topics)]
WRITERS = 16


@dataclass
class Watched:
    """When reads got to which size, as (size, time)."""

    url: str
    reached: list[tuple[int, float]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with db.connect(self.url) as conn:
            while not self.over.wait(0.001):
                found = conn.execute(
                    "SELECT min(size) FROM projections.checkpoints WHERE live AND name = ANY(%s)",
                    [READ],
                    prepare=True,
                ).fetchone()
                size = found[0] if found else 0
                if not self.reached or size > self.reached[-1][0]:
                    self.reached.append((size, time.time()))

    def when(self, size: int) -> float | None:
        return next((at for reached, at in self.reached if reached >= size), None)


def position(n: int) -> dict[str, str]:
    """One that follows from the n-th statement."""
    return {
        "actor": statements.ACTORS[n % 50],
        "topic": statements.TOPICS[n % 20],
        "effective": f"2022-{n % 12 + 1:02}-{n % 28 + 1:02}",
        "stance": "support",
        "summary": "Ready to talk.",
    }


def paced(stage: Stage, rate: float, seconds: float) -> list[float]:
    """Milliseconds from before each POST until reads know it."""
    wires = threading.local()
    watched = Watched(stage.url)
    watching = threading.Thread(target=watched.run)
    watching.start()

    def post(n: int, due: float) -> tuple[int, float]:
        if not hasattr(wires, "conn"):
            wires.conn = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=60)
        time.sleep(max(0.0, due - time.time()))
        told, at = stage.post(positions=[position(n)], conn=wires.conn)
        return told["size"], at

    start = time.time() + 0.1
    with ThreadPoolExecutor(WRITERS) as writers:
        asked = [writers.submit(post, n, start + n / rate) for n in range(int(rate * seconds))]
        posted = [one.result() for one in asked]
    last = max(size for size, _ in posted)
    delivering.wait_for(lambda: watched.when(last) is not None, "all is visible", seconds=30)
    watched.over.set()
    watching.join()
    took = [((watched.when(size) or 0) - at) * 1e3 for size, at in posted]
    assert min(took) > 0
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="of a slice")
    parser.add_argument("--rate", type=float, default=50.0, help="statements a second")
    given = parser.parse_args()
    with bench.postgres() as server, ExitStack() as stack:
        stage = Stage(stack, server, "visible")
        cuts = []
        for n in range(-1, given.slices):
            bench.say(f"slice {n + 1} of {given.slices}")
            took = paced(stage, given.rate, given.seconds)
            if n >= 0:
                cuts.append(statistics.quantiles(took, n=100))
    print(f"\n**{given.rate:g} statements a second, each with a position**\n")
    print("| | ms from POST to visible | target |\n|---|---:|---:|")
    for name, at, target in (("p50", 49, 50), ("p99", 98, 250)):
        print(f"| {name} | {bench.spread([one[at] for one in cuts])} | {target} |")


if __name__ == "__main__":
    main()
