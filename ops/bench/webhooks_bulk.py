"""What does one event for 10,000 endpoints cost, and does memory stay flat over a million pending?

Fan-out is the worker's own function, run here: counted are the CPU seconds of this process and of
PostgreSQL. Memory is a deliverer's, while it delivers with few and with many pending.
"""

import argparse
import os
import time
from pathlib import Path

import bench
import delivering
import statements
from delivering import Cost, Receiving

from onrecord.entrypoints.app_factory import writer
from onrecord.kit.sql import db
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import Answer, seal_request
from onrecord.projections.engine.catch_up import SETTINGS, catch_up, prepare
from onrecord.projections.registry import PROJECTIONS
from onrecord.webhooks.fan_out import fan_out


def fanned_out(server: str, there: Receiving, endpoints: int, slices: int) -> None:
    """One event, folded, then written as a delivery for each endpoint."""
    url = delivering.staged(server, "fan_out", events=1_000)
    folding = db.engine(url, role="onrecord_projections", **SETTINGS)
    listening = db.engine(url, role="onrecord_webhooks", **SETTINGS)
    prepare(folding, PROJECTIONS)
    for one in PROJECTIONS:
        catch_up(folding, one)
    fan_out(listening)
    delivering.endpoints(url, endpoints, there.url())
    here, postgres = os.getpid(), delivering.postmaster(server)
    found: dict[str, list[float]] = {"here": [], "postgres": [], "clock": []}
    for n in range(-1, slices):
        with writer(url) as conn:
            [answer] = append(conn, [seal_request(statements.request(5_000 + n))])
            assert isinstance(answer, Answer)
        for one in PROJECTIONS:
            catch_up(folding, one)
        bench.settle(url)
        cost, start = Cost(here=here, postgres=postgres), time.perf_counter()
        assert endpoints == fan_out(listening)
        if n >= 0:
            found["clock"].append(time.perf_counter() - start)
            for name, seconds in cost.taken().items():
                found[name].append(seconds)
    folding.dispose()
    listening.dispose()
    both = [a + b for a, b in zip(found["here"], found["postgres"], strict=True)]
    print(f"\n**One event to {endpoints:,} endpoints**\n")
    print("| CPU, s | of it PostgreSQL | by the clock, s | target, CPU |\n|---:|---:|---:|---:|")
    told = [bench.spread(one) for one in (both, found["postgres"], found["clock"])]
    print(f"| {' | '.join(told)} | 5 |")


def held(server: str, there: Receiving, sizes: list[int], seconds: float) -> None:
    """What a deliverer holds and how fast it is, with so many pending when it starts."""
    url = delivering.staged(server, "memory", events=1_000)
    delivering.endpoints(url, 1_000, there.url())
    print("\n**Pending**\n")
    print(
        "| pending at first | MiB at rest | MiB at its peak | deliveries/s |\n|---:|---:|---:|---:|"
    )
    for size in sizes:
        delivering.pending(url, size)
        with db.connect(url) as conn:
            conn.execute("VACUUM (ANALYZE) webhooks.deliveries")
        bench.settle(url)
        before = there.count.value
        with delivering.process("deliverer", url) as process:
            delivering.wait_for(lambda least=before: there.count.value > least, "it delivers")
            rest = _mib(process.pid, "VmRSS")
            start, first = time.perf_counter(), there.count.value
            over = start + seconds
            while time.perf_counter() < over and there.count.value < before + size:
                time.sleep(0.01)
            rate = (there.count.value - first) / (time.perf_counter() - start)
            print(f"| {size:,} | {rest:.0f} | {_mib(process.pid, 'VmHWM'):.0f} | {rate:,.0f} |")


def _mib(pid: int, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (kib,) = (one.split()[1] for one in status.splitlines() if one.startswith(name))
    return int(kib) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--endpoints", type=int, default=10_000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[20_000, 200_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=15.0)
    given = parser.parse_args()
    with bench.postgres() as server, delivering.receiving() as there:
        if given.endpoints:
            fanned_out(server, there, given.endpoints, given.slices)
        if given.sizes:
            held(server, there, given.sizes, given.seconds)


if __name__ == "__main__":
    main()
