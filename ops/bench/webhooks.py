"""Benchmark: deliveries a second of one deliverer, against a Celery task per delivery.

Both sides post the same bodies, signed alike, to one receiver on this machine, and log each attempt
in the same tables; all deliveries are due when the clock starts. Reported by the clock, and by the
CPU seconds of the deliverer (or the Celery worker) and PostgreSQL; the receiver's are separate.
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
    receiver: Receiving,
    pids: dict[str, int],
    count: int,
    costs: Costs,
    broker: str,
) -> float:
    """Deliveries a second by the clock; what they cost goes into `costs`."""
    answered = receiver.count.value
    pid = pids["deliverer"]
    os.killpg(pid, signal.SIGSTOP)  # until everything is due
    try:
        delivering.pending(url, count)
        if side != "ours":
            _enqueue(url, broker)
        bench.settle(url)
        cost = Cost(**pids, receiver=receiver.pid)
    finally:
        os.killpg(pid, signal.SIGCONT)
    start = time.perf_counter()
    delivering.wait_for(lambda: receiver.count.value == answered + count, "all arrived")
    _wait_until_logged(url, count)
    seconds = time.perf_counter() - start
    costs[side].append({name: used / count for name, used in cost.taken().items()})
    return count / seconds


def _wait_until_logged(url: str, count: int) -> None:
    """Attempts are logged a moment later. Polled seldom, as each query costs the server."""
    query = "SELECT count(*) FROM webhooks.attempts WHERE ok"
    with db.connect(url) as conn:
        while conn.execute(query).fetchone() != (count,):
            time.sleep(0.02)


def _enqueue(url: str, broker: str) -> None:
    app = celery.create_celery(broker)
    with db.connect(url) as conn, app.connection_for_write() as wire:
        producer = app.amqp.Producer(wire.default_channel)
        for (id_,) in conn.execute("SELECT id FROM webhooks.deliveries ORDER BY id").fetchall():
            app.send_task(celery_side.TASK, [id_], producer=producer, retry=False)


def print_costs(costs: Costs) -> None:
    """Print the CPU of a delivery, and the rates by it."""
    print("\n| CPU, us a delivery, median | delivers | PostgreSQL | receives | deliveries/CPU s |")
    print("|---|---:|---:|---:|---:|")
    rates: dict[str, list[float]] = {}
    for side in sorted(costs):
        slices = costs[side][1:]  # without the warm-up
        parts = [
            statistics.median(slice_[name] * 1e6 for slice_ in slices)
            for name in ("deliverer", "postgres", "receiver")
        ]
        rates[side] = [1 / (slice_["deliverer"] + slice_["postgres"]) for slice_ in slices]
        cells = " | ".join(f"{part:,.0f}" for part in parts)
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
    parser.add_argument("--broker", help="theirs; default: the embedded one, as ours")
    parser.add_argument("--alone", action="store_true", help="ours only")
    args = parser.parse_args()
    costs: Costs = defaultdict(list)
    with bench.postgres() as server, delivering.receiving() as receiver:
        urls = {
            side: delivering.seeded_database(server, side, events=EVENTS)
            for side in ("ours", "theirs")
        }
        for url in urls.values():
            delivering.endpoints(url, ENDPOINTS, receiver.url())
        postgres = delivering.postmaster(server)
        broker = (
            args.broker or addresses(infrastructure.with_addresses(Settings(), urls["theirs"]))[1]
        )
        worker = delivering.environment(urls["theirs"], ONRECORD_BROKER_URL=broker)
        with (
            delivering.process("deliverer", urls["ours"]) as ours,
            delivering.running([celery_side.__file__], worker) as theirs,
        ):
            pids = {"ours": ours.pid, "theirs": theirs.pid}
            time.sleep(3)  # until both are up; the warm-up makes sure
            names = {"ours": "deliverer", "theirs": "a Celery task each"}
            counts = {"ours": args.count, "theirs": args.tasks}
            sides = {
                names[side]: partial(
                    deliver,
                    side,
                    urls[side],
                    receiver,
                    {"deliverer": pids[side], "postgres": postgres},
                    counts[side],
                    costs,
                    broker,
                )
                for side in (("ours",) if args.alone else ("ours", "theirs"))
            }
            rates = bench.alternate(sides, slices=args.slices, before=lambda: bench.settle(server))
        bench.table(f"Deliveries to {ENDPOINTS} endpoints", rates, unit="deliveries/s", target=5)
        print_costs(costs)


if __name__ == "__main__":
    main()
