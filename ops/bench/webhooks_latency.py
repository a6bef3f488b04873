"""How long from a POST to its webhook, and what do receivers that hang or fail cost the others?

The product's own processes on an embedded PostgreSQL, as `onrecord up` runs them. Arrival: one
statement after another, from before its POST to its webhook. Isolation: statements at a steady
pace, each for four endpoints that are well; in every other slice one that hangs and one that
answers 500 want them too, and are resumed anew when it begins.
"""

import argparse
import statistics
import time
from contextlib import ExitStack

import bench
import delivering
from delivering import Receiving
from stage import Stage

WELL = 4


def arrival(stage: Stage, there: Receiving, count: int) -> list[float]:
    """Milliseconds from POST to arrival, one after another."""
    there.noted()
    found = []
    for n in range(-10, count):
        before = there.count.value
        told, at = stage.post()
        id_ = told["event"]
        delivering.wait_for(lambda before=before: there.count.value > before, "it came")
        came = {id_: at for _, id_, at in there.noted()}
        if n >= 0:
            found.append((came[id_] - at) * 1e3)
    return found


def paced(stage: Stage, there: Receiving, rate: float, seconds: float) -> list[float]:
    """Milliseconds from POST to arrival at the endpoints that are well, at a steady pace."""
    there.noted()
    before, posted = there.count.value, {}
    start = time.perf_counter()
    for n in range(int(rate * seconds)):
        time.sleep(max(0.0, start + n / rate - time.perf_counter()))
        told, at = stage.post()
        id_ = told["event"]
        posted[id_] = at
    whole = before + len(posted) * WELL
    delivering.wait_for(lambda: there.count.value >= whole, "all came")
    noted = [one for one in there.noted() if one[0].startswith("/good") and one[1] in posted]
    assert len(noted) == len(posted) * WELL, len(noted)
    return [(at - posted[id_]) * 1e3 for _, id_, at in noted]


def isolated(stage: Stage, there: Receiving, slices: int, rate: float, seconds: float) -> None:
    """Alternate slices without and with the bad ones, and tell their p99."""
    for n in range(1, WELL):
        stage.endpoint(there.url(f"/good/{n}"))
    bad = [stage.endpoint(there.url(path)) for path in ("/hang", "/bad")]

    def slice_(path: str) -> list[float]:
        for one in bad:
            status, told = stage.ask("POST", f"/v1/endpoints/{one}/{path}", None)
            assert status < 300, told
        return statistics.quantiles(paced(stage, there, rate, seconds), n=100)

    found: dict[str, list[list[float]]] = {"without": [], "with": []}
    for n in range(-1, slices):
        for name, path in (("without", "pause"), ("with", "resume"))[:: -1 if n % 2 else 1]:
            bench.say(f"slice {n + 1} of {slices}: {name}")
            cuts = slice_(path)
            if n >= 0:
                found[name].append(cuts)
    print(f"\n**{rate:g} statements a second, each to {WELL} endpoints that are well**\n")
    print("| ms from POST to arrival | p50 | p99 |\n|---|---:|---:|")
    for name, each in found.items():
        cells = " | ".join(bench.spread([one[at] for one in each]) for at in (49, 98))
        print(f"| {name} one that hangs and one that answers 500 | {cells} |")
    pairs = zip(found["with"], found["without"], strict=True)
    print(f"\np99 with / without: {bench.spread([a[98] / b[98] for a, b in pairs])}, target 2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="statements one after another")
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a slice")
    parser.add_argument("--rate", type=float, default=20.0, help="statements a second")
    given = parser.parse_args()
    with (
        bench.postgres() as server,
        delivering.receiving(noting=True) as there,
        ExitStack() as stack,
    ):
        stage = Stage(stack, server, "latency")
        stage.endpoint(there.url("/good/0"))
        if given.count:
            took = arrival(stage, there, given.count)
            cuts = statistics.quantiles(took, n=100)
            print("\n**One POST after another**\n\n| ms to arrival | p50 | p99 | target, p50 |")
            print(f"|---|---:|---:|---:|\n| | {cuts[49]:.1f} | {cuts[98]:.1f} | 100 |")
        if given.slices:
            isolated(stage, there, given.slices, given.rate, given.seconds)


if __name__ == "__main__":
    main()
