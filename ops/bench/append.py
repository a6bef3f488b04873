"""What does a place in one order cost a writer, against the same rows in no order?

`ledger.committer.Committer`, as in an ingest process, against the very rows that it would write,
encoded beforehand and inserted one request a transaction: no lock, no order, no hashing. They are
inserted in two ways: by the ledger's own statement, whose arrays are written beforehand too, and by
one made for a single request, as psycopg runs it.
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
from onrecord.domain.requests import Request

from onrecord.entrypoints.app_factory import writer
from onrecord.kit.processes.gc_tuning import spare_collector
from onrecord.ledger.append import append
from onrecord.ledger.committer import Committer
from onrecord.ledger.entry import leaf_hash
from onrecord.ledger.evaluate import Answer, prepared
from onrecord.ledger.insert import Row, insertion, things_of, touches_of
from onrecord.ledger.merkle import Frontier

MANY = 32
WARM = 20
"""Statements after which a committer knows the ledger's end and what is on record."""


class Ours:
    """A ledger with one committer; producers are tasks, as requests are in an ingest process."""

    def __init__(self, url: str) -> None:
        with writer(url) as conn:
            append(conn, [prepared(one) for one in statements.cast()])
        self._url, self._next = url, 0

    def rate(self, producers: int, count: int) -> float:
        """Statements a second; making them is not timed, nor what a committer does once."""
        asked = [statements.request(self._next + n) for n in range(count + WARM)]
        self._next += len(asked)
        return uvloop.run(self._run(asked, producers))

    async def _run(self, asked: Sequence[Request], producers: int) -> float:
        committer = Committer(partial(writer, self._url), on_commit=lambda: None)
        committer.start()
        waiting = iter(asked)

        async def produce(some: Iterable[Request]) -> None:
            for request in some:
                (found,) = await committer.submit([request])
                assert isinstance(found, Answer), found

        await produce(islice(waiting, WARM))
        start = time.perf_counter()
        await asyncio.gather(*(produce(waiting) for _ in range(producers)))
        seconds = time.perf_counter() - start
        await committer.stop()
        return (len(asked) - WARM) / seconds


_PLAIN = """
WITH entries AS (
    INSERT INTO ledger.entries (seq, id, entry, leaf_hash)
    VALUES (%(seq)b, %(id)b, %(entry)b, %(leaf_hash)b)
), payloads AS (INSERT INTO ledger.payloads (seq, section, salt, value) VALUES {payloads}
), touches AS (INSERT INTO ledger.touches (seq, kind, name) VALUES {touches}
), made AS (
    INSERT INTO ledger.ids (id, kind, slug, seq)
    VALUES (%(thing)b, %(thing_kind)b, %(slug)b, %(seq)b)
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq
)
INSERT INTO ledger.commits (size, recorded_at, root, frontier)
VALUES (%(size)b, %(recorded_at)b, %(root)b, %(frontier)b::bytea[])
"""


def plainly(row: Row, after: Frontier, now: datetime) -> Commit:
    """The rows of one entry as single values."""
    ((thing, (kind, slug, seq)),) = things_of([row]).items()
    values = {
        "seq": seq,
        "id": row.fact.proposed.id,
        "entry": row.entry,
        "leaf_hash": leaf_hash(row.entry),
        "thing": thing,
        "thing_kind": kind,
        "slug": slug,
        "size": after.size,
        "recorded_at": now,
        "root": after.root(),
        "frontier": list(after.hashes),
    }

    def rows(name: str, of: Sequence[tuple[Any, ...]]) -> str:
        told = []
        for n, one in enumerate(of):
            names = [f"{name}{n}_{m}" for m in range(len(one))]
            values.update(zip(names, one, strict=True))
            told.append(", ".join(f"%({given})b" for given in names))
        return ", ".join(f"(%(seq)b, {one})" for one in told)

    payloads = rows("payload", [(one.section, one.salt, one.value) for one in row.payloads])
    touches = rows("touch", touches_of(row.fact))
    return [(_PLAIN.format(payloads=payloads, touches=touches), values)]


class SameRows:
    """What a ledger would write, statement by statement, each in a commit of its own."""

    def __init__(self, *, plain: bool) -> None:
        self._frontier, self._next, self._plain = Frontier(), 0, plain

    def made(self, count: int) -> list[Commit]:
        return [self._one() for _ in range(count)]

    def _one(self) -> Commit:
        fact, now = statements.fact(statements.request(self._next)), datetime.now(UTC)
        seq, before = self._frontier.size, self._frontier
        entry, payloads = statements.encoded(fact, seq=seq, now=now)
        row = Row(seq, fact, entry, payloads)
        self._frontier = before.extended([leaf_hash(entry)])
        self._next += 1
        if self._plain:
            return plainly(row, self._frontier, now)
        return [(None, insertion([row], before, now)[0])]


def compare(server: str, ours: Ours, *, producers: int, slices: int, count: int) -> Any:
    """The rates of so many producers, and of as many connections that insert the same rows."""
    rows, single = SameRows(plain=False), SameRows(plain=True)
    urls = [bench.migrated(server, f"{name}_{producers}") for name in ("rows", "plain")]
    theirs, plain = (Connections(url, producers, role="onrecord_ingest") for url in urls)
    found = bench.alternate(
        {
            f"ledger, producers: {producers}": lambda: ours.rate(producers, count),
            f"same rows, connections: {producers}": lambda: theirs.rate(rows.made(count)),
            "same rows, plain INSERTs": lambda: plain.rate(single.made(count)),
        },
        slices=slices,
        before=lambda: bench.settle(server),
    )
    theirs.close()
    plain.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=7)
    parser.add_argument("--count", type=int, default=6_000, help="statements in a slice of 32")
    parser.add_argument("--alone", type=int, default=1_500, help="statements in a slice of one")
    given = parser.parse_args()
    spare_collector()
    with bench.postgres() as server:
        print(statements.sizes())
        ours = Ours(bench.migrated(server, "ledger"))
        found = compare(server, ours, producers=MANY, slices=given.slices, count=given.count)
        bench.table("Many at once", found, unit="statements/s", target=1.5)
        found = compare(server, ours, producers=1, slices=given.slices, count=given.alone)
        bench.table("One alone", found, unit="statements/s", target=0.8)


if __name__ == "__main__":
    main()
