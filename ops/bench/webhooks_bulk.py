"""Benchmark: fan-out of one event to 10,000 endpoints, and a deliverer's memory with a backlog.

Fan-out is the worker's own function, run here; counted are the CPU seconds of this process and of
PostgreSQL. Memory is a deliverer's, while it delivers with few and with many deliveries pending.
"""

import argparse
import os
import time
from pathlib import Path

import bench
import delivering
import statements
from delivering import Cost, Receiving

from onrecord.entrypoints.infrastructure import writer
from onrecord.kit.sql import db
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import Answer, seal_request
from onrecord.projections.engine.catch_up import FOLDING_SETTINGS
from onrecord.projections.engine.catch_up_all import catch_up_all
from onrecord.projections.registry import PROJECTIONS
from onrecord.webhooks.fan_out import fan_out


def measure_fan_out(server: str, receiver: Receiving, endpoints: int, slices: int) -> None:
    """One event, folded, then written as a delivery for each endpoint."""
    url = delivering.seeded_database(server, "fan_out", events=1_000)
    folding = db.engine(url, role="onrecord_projections", **FOLDING_SETTINGS)
    listening = db.engine(url, role="onrecord_webhooks", **FOLDING_SETTINGS)
    fan_out(listening)
    delivering.endpoints(url, endpoints, receiver.url())
    here, postgres = os.getpid(), delivering.postmaster(server)
    seconds: dict[str, list[float]] = {"here": [], "postgres": [], "clock": []}
    for n in range(-1, slices):
        with writer(url) as conn:
            [answer] = append(conn, [seal_request(statements.request(5_000 + n))])
            assert isinstance(answer, Answer)
        while catch_up_all(folding, PROJECTIONS, bench.raise_error):
            pass
        bench.settle(url)
        cost, start = Cost(here=here, postgres=postgres), time.perf_counter()
        assert endpoints == fan_out(listening)
        if n >= 0:
            seconds["clock"].append(time.perf_counter() - start)
            for name, used in cost.taken().items():
                seconds[name].append(used)
    folding.dispose()
    listening.dispose()
    both = [a + b for a, b in zip(seconds["here"], seconds["postgres"], strict=True)]
    print(f"\n**One event to {endpoints:,} endpoints**\n")
    print("| CPU, s | of it PostgreSQL | by the clock, s | target, CPU |\n|---:|---:|---:|---:|")
    cells = [bench.spread(numbers) for numbers in (both, seconds["postgres"], seconds["clock"])]
    print(f"| {' | '.join(cells)} | 5 |")


def measure_memory(server: str, receiver: Receiving, sizes: list[int], seconds: float) -> None:
    """Memory and rate of a deliverer with so many deliveries pending when it starts."""
    url = delivering.seeded_database(server, "memory", events=1_000)
    delivering.endpoints(url, 1_000, receiver.url())
    print("\n**Pending**\n")
    print(
        "| pending at first | MiB at rest | MiB at its peak | deliveries/s |\n|---:|---:|---:|---:|"
    )
    for size in sizes:
        delivering.pending(url, size)
        with db.connect(url) as conn:
            conn.execute("VACUUM (ANALYZE) webhooks.deliveries")
        bench.settle(url)
        before = receiver.count.value
        with delivering.process("deliverer", url) as process:
            delivering.wait_for(lambda least=before: receiver.count.value > least, "it delivers")
            rest = _mib(process.pid, "VmRSS")
            start, first = time.perf_counter(), receiver.count.value
            end = start + seconds
            while time.perf_counter() < end and receiver.count.value < before + size:
                time.sleep(0.01)
            rate = (receiver.count.value - first) / (time.perf_counter() - start)
            print(f"| {size:,} | {rest:.0f} | {_mib(process.pid, 'VmHWM'):.0f} | {rate:,.0f} |")


def _mib(pid: int, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith(name))
    return int(kib) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--endpoints", type=int, default=10_000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[20_000, 200_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=15.0)
    args = parser.parse_args()
    with bench.postgres() as server, delivering.receiving() as receiver:
        if args.endpoints:
            measure_fan_out(server, receiver, args.endpoints, args.slices)
        if args.sizes:
            measure_memory(server, receiver, args.sizes, args.seconds)


if __name__ == "__main__":
    main()
