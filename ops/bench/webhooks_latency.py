"""Benchmark: time from a POST to its webhook, alone and beside receivers that hang or fail.

With the product's own processes on an embedded PostgreSQL, as `onrecord up` runs them. Arrival: one
statement after another, from before its POST to its webhook. Isolation: statements at a steady
rate, each for four healthy endpoints; in every other slice also for an endpoint that hangs and one
that answers 500, both resumed when the slice starts.
"""

import argparse
import statistics
import time
from contextlib import ExitStack

import bench
import delivering
from delivering import Receiving
from deployment import Deployment

HEALTHY = 4


def arrival(deployment: Deployment, receiver: Receiving, count: int) -> list[float]:
    """Milliseconds from POST to arrival, one after another."""
    receiver.take_notes()
    milliseconds = []
    for n in range(-10, count):
        before = receiver.count.value
        recorded, at = deployment.post()
        id_ = recorded["event"]
        delivering.wait_for(lambda before=before: receiver.count.value > before, "it arrived")
        arrived = {id_: at for _, id_, at in receiver.take_notes()}
        if n >= 0:
            milliseconds.append((arrived[id_] - at) * 1e3)
    return milliseconds


def measure_at_rate(
    deployment: Deployment, receiver: Receiving, rate: float, seconds: float
) -> list[float]:
    """Milliseconds from POST to arrival at the healthy endpoints, at a steady rate."""
    receiver.take_notes()
    before, posted = receiver.count.value, {}
    start = time.perf_counter()
    for n in range(int(rate * seconds)):
        time.sleep(max(0.0, start + n / rate - time.perf_counter()))
        recorded, at = deployment.post()
        posted[recorded["event"]] = at
    expected = before + len(posted) * HEALTHY
    delivering.wait_for(lambda: receiver.count.value >= expected, "all arrived")
    notes = [
        note for note in receiver.take_notes() if note[0].startswith("/good") and note[1] in posted
    ]
    assert len(notes) == len(posted) * HEALTHY, len(notes)
    return [(at - posted[id_]) * 1e3 for _, id_, at in notes]


def print_isolation(
    deployment: Deployment, receiver: Receiving, slices: int, rate: float, seconds: float
) -> None:
    """Alternate slices without and with the failing endpoints; print their latencies."""
    for n in range(1, HEALTHY):
        deployment.endpoint(receiver.url(f"/good/{n}"))
    failing = [deployment.endpoint(receiver.url(path)) for path in ("/hang", "/bad")]

    def slice_(path: str) -> list[float]:
        for endpoint in failing:
            status, response = deployment.request("POST", f"/v1/endpoints/{endpoint}/{path}", None)
            assert status < 300, response
        return statistics.quantiles(measure_at_rate(deployment, receiver, rate, seconds), n=100)

    percentiles: dict[str, list[list[float]]] = {"without": [], "with": []}
    for n in range(-1, slices):
        for name, path in (("without", "pause"), ("with", "resume"))[:: -1 if n % 2 else 1]:
            bench.say(f"slice {n + 1} of {slices}: {name}")
            cuts = slice_(path)
            if n >= 0:
                percentiles[name].append(cuts)
    print(f"\n**{rate:g} statements a second, each to {HEALTHY} healthy endpoints**\n")
    print("| ms from POST to arrival | p50 | p99 |\n|---|---:|---:|")
    for name, slices_ in percentiles.items():
        cells = " | ".join(bench.spread([cuts[at] for cuts in slices_]) for at in (49, 98))
        print(f"| {name} one that hangs and one that answers 500 | {cells} |")
    pairs = zip(percentiles["with"], percentiles["without"], strict=True)
    print(f"\np99 with / without: {bench.spread([a[98] / b[98] for a, b in pairs])}, target 2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="statements one after another")
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a slice")
    parser.add_argument("--rate", type=float, default=20.0, help="statements a second")
    args = parser.parse_args()
    with (
        bench.postgres() as server,
        delivering.receiving(noting=True) as receiver,
        ExitStack() as stack,
    ):
        deployment = Deployment(stack, server, "latency")
        deployment.endpoint(receiver.url("/good/0"))
        if args.count:
            milliseconds = arrival(deployment, receiver, args.count)
            cuts = statistics.quantiles(milliseconds, n=100)
            print("\n**One POST after another**\n\n| ms to arrival | p50 | p99 | target, p50 |")
            print(f"|---|---:|---:|---:|\n| | {cuts[49]:.1f} | {cuts[98]:.1f} | 100 |")
        if args.slices:
            print_isolation(deployment, receiver, args.slices, args.rate, args.seconds)


if __name__ == "__main__":
    main()
