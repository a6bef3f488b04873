"""Rate of appends through the committer, against the same rows without an order.

`ledger.committer.Committer`, as in an ingest process, against the same
rows, encoded beforehand and inserted by its own statement, one request a transaction: no lock, no
order, no hashing.
"""

import argparse
import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

import bench
import statements
import uvloop
from connections import Commit, Connections

from onrecord.domain.decisions import LedgerState
from onrecord.domain.requests import Request
from onrecord.entrypoints.infrastructure import writer
from onrecord.kit.processes.gc_tuning import tune_gc
from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.ledger.append import append
from onrecord.ledger.committer import Committer
from onrecord.ledger.evaluate import Answer, seal_request
from onrecord.ledger.insert import NewEntry, insert_params
from onrecord.ledger.lookup import LockedLedger
from onrecord.ledger.merkle import Frontier

MANY = 32
WARM = 20
"""Statements after which a committer has connected and prepared its SQL statements."""


class Ours:
    """A ledger with one committer; producers are tasks, as requests are in an ingest process."""

    def __init__(self, url: str) -> None:
        with writer(url) as conn:
            append(conn, [seal_request(request) for request in statements.registrations()])
        self._url, self._next = url, 0

    def rate(self, producers: int, count: int) -> float:
        """Statements a second; building them and starting the committer is not timed."""
        requests = [statements.request(self._next + n) for n in range(count + WARM)]
        self._next += len(requests)
        return uvloop.run(self._run(requests, producers))

    async def _run(self, requests: Sequence[Request], producers: int) -> float:
        committer = Committer(partial(writer, self._url), on_commit=lambda _: None)
        committer.start()
        unsent = iter(requests)

        async def produce(requests: Iterable[Request]) -> None:
            for request in requests:
                (outcome,) = await committer.submit([request])
                assert isinstance(outcome, Answer), outcome

        await produce(islice(unsent, WARM))
        start = time.perf_counter()
        await asyncio.gather(*(produce(unsent) for _ in range(producers)))
        seconds = time.perf_counter() - start
        await committer.stop()
        return (len(requests) - WARM) / seconds


class SameRows:
    """The rows that a ledger would write, with each statement in a transaction of its own."""

    def __init__(self) -> None:
        self._frontier, self._next = Frontier(), 0

    def commits(self, count: int) -> list[Commit]:
        return [self._commit() for _ in range(count)]

    def _commit(self) -> Commit:
        accepted, now = statements.accepted_event(statements.request(self._next)), datetime.now(UTC)
        seq, before = self._frontier.size, self._frontier
        entry, payloads = statements.encoded(accepted, seq=seq, now=now)
        self._frontier = before.extended([leaf_hash(entry)])
        self._next += 1
        ledger = LockedLedger(before, LedgerState(now))
        params, _ = insert_params([NewEntry(seq, accepted, entry, payloads)], ledger)
        return [(None, params)]


def compare(server: str, ours: Ours, *, producers: int, slices: int, count: int) -> Any:
    """The rates of this many producers, and of as many connections that insert the same rows."""
    rows = SameRows()
    theirs = Connections(
        bench.migrated(server, f"rows_{producers}"), producers, role="onrecord_ingest"
    )
    rates = bench.alternate(
        {
            f"ledger, producers: {producers}": lambda: ours.rate(producers, count),
            f"same rows, connections: {producers}": lambda: theirs.rate(rows.commits(count)),
        },
        slices=slices,
        before=lambda: bench.settle(server),
    )
    theirs.close()
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=7)
    parser.add_argument("--count", type=int, default=6_000, help="statements in a slice of 32")
    parser.add_argument("--alone", type=int, default=1_500, help="statements in a slice of one")
    args = parser.parse_args()
    tune_gc()
    with bench.postgres() as server:
        print(statements.sizes())
        ours = Ours(bench.migrated(server, "ledger"))
        rates = compare(server, ours, producers=MANY, slices=args.slices, count=args.count)
        bench.table("Many at once", rates, unit="statements/s", target=1.5)
        rates = compare(server, ours, producers=1, slices=args.slices, count=args.alone)
        bench.table("One alone", rates, unit="statements/s", target=0.8)


if __name__ == "__main__":
    main()
