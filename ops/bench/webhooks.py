"""How many deliveries does one deliverer make, against a Celery task for each?

Both sides post the same bodies, signed the same, to one receiver on this machine, and log each
attempt in the same tables; what is due lies there when the clock starts. The rate is told by the
clock, and by the CPU seconds of all that delivers: the deliverer (or the Celery worker) and
PostgreSQL. The receiver's own are told beside.
"""

import argparse
import os
import signal
import statistics
import time
from collections import defaultdict
from functools import partial

import bench
import celery_side
import delivering
from delivering import Cost, Receiving

from onrecord.entrypoints import infrastructure
from onrecord.kit import celery
from onrecord.kit.settings import Settings, addresses
from onrecord.kit.sql import db

ENDPOINTS = 100
EVENTS = 1_000

Costs = dict[str, list[dict[str, float]]]


def deliver(
    side: str,
    url: str,
    there: Receiving,
    pids: dict[str, int],
    count: int,
    costs: Costs,
    broker: str,
) -> float:
    """Deliveries a second by the clock; what they cost goes into `costs`."""
    answered = there.count.value
    pid = pids["deliverer"]
    os.killpg(pid, signal.SIGSTOP)  # until all is there
    try:
        delivering.pending(url, count)
        if side != "ours":
            _enqueue(url, broker)
        bench.settle(url)
        cost = Cost(**pids, receiver=there.pid)
    finally:
        os.killpg(pid, signal.SIGCONT)
    start = time.perf_counter()
    delivering.wait_for(lambda: there.count.value == answered + count, "all came")
    _wait_until_logged(url, count)
    seconds = time.perf_counter() - start
    costs[side].append({name: each / count for name, each in cost.taken().items()})
    return count / seconds


def _wait_until_logged(url: str, count: int) -> None:
    """What came is logged a moment later: asked seldom, since asking costs the server."""
    query = "SELECT count(*) FROM webhooks.attempts WHERE ok"
    with db.connect(url) as conn:
        while conn.execute(query).fetchone() != (count,):
            time.sleep(0.02)


def _enqueue(url: str, broker: str) -> None:
    made = celery.create_celery(broker)
    with db.connect(url) as conn, made.connection_for_write() as wire:
        producer = made.amqp.Producer(wire.default_channel)
        for (id_,) in conn.execute("SELECT id FROM webhooks.deliveries ORDER BY id").fetchall():
            made.send_task(celery_side.TASK, [id_], producer=producer, retry=False)


def told(costs: Costs) -> None:
    """Print what one delivery costs in CPU, and the rates by it."""
    print("\n| CPU, us a delivery, median | delivers | PostgreSQL | receives | deliveries/CPU s |")
    print("|---|---:|---:|---:|---:|")
    rates: dict[str, list[float]] = {}
    for side in sorted(costs):
        kept = costs[side][1:]  # the first is the warm-up
        parts = [
            statistics.median(one[name] * 1e6 for one in kept)
            for name in ("deliverer", "postgres", "receiver")
        ]
        rates[side] = [1 / (one["deliverer"] + one["postgres"]) for one in kept]
        cells = " | ".join(f"{one:,.0f}" for one in parts)
        print(f"| {side} | {cells} | {bench.spread(rates[side])} |")
    if len(rates) == 2:
        ours, theirs = rates.values()
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        print(f"\nBy CPU, ours / a task each: {bench.spread(ratios)}, target 5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--count", type=int, default=10_000, help="deliveries in a slice, ours")
    parser.add_argument("--tasks", type=int, default=1_000, help="deliveries in a slice, theirs")
    parser.add_argument("--broker", help="theirs; by itself it has the embedded one, as ours has")
    parser.add_argument("--alone", action="store_true", help="ours only")
    given = parser.parse_args()
    costs: Costs = defaultdict(list)
    with bench.postgres() as server, delivering.receiving() as there:
        urls = {side: delivering.staged(server, side, events=EVENTS) for side in ("ours", "theirs")}
        for url in urls.values():
            delivering.endpoints(url, ENDPOINTS, there.url())
        postgres = delivering.postmaster(server)
        broker = (
            given.broker or addresses(infrastructure.with_addresses(Settings(), urls["theirs"]))[1]
        )
        worker = delivering.environment(urls["theirs"], ONRECORD_BROKER_URL=broker)
        with (
            delivering.process("deliverer", urls["ours"]) as ours,
            delivering.running([celery_side.__file__], worker) as theirs,
        ):
            pids = {"ours": ours.pid, "theirs": theirs.pid}
            time.sleep(3)  # until both are up; the warm-up makes sure
            names = {"ours": "deliverer", "theirs": "a Celery task each"}
            counts = {"ours": given.count, "theirs": given.tasks}
            sides = {
                names[side]: partial(
                    deliver,
                    side,
                    urls[side],
                    there,
                    {"deliverer": pids[side], "postgres": postgres},
                    counts[side],
                    costs,
                    broker,
                )
                for side in (("ours",) if given.alone else ("ours", "theirs"))
            }
            found = bench.alternate(sides, slices=given.slices, before=lambda: bench.settle(server))
        bench.table(f"Deliveries to {ENDPOINTS} endpoints", found, unit="deliveries/s", target=5)
        told(costs)


if __name__ == "__main__":
    main()
