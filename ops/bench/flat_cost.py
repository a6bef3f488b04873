"""Benchmark: cost of a write, and of a read after it, by the size of the ledger.

A database for each size, filled beforehand; then the same writes and reads in each of them in turn.
Prints a table and draws `flat_cost.svg` in this directory.

Databases are filled by SQL: statements that the ledger's own code recorded are copied with new
seqs, ids and salts, so that tables and indexes are as large as real ones. Leaf hashes are correct
(the table checks them); the tree has the right number of hashes, but random ones.
"""

import argparse
import statistics
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import bench
import plot
import psycopg
import serving
import statements

from onrecord.entrypoints.infrastructure import writer
from onrecord.kit.sql import db
from onrecord.ledger import read
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import seal_request
from onrecord.ledger.follow import read_entries

TEMPLATES = 1_000
"""Statements recorded by the ledger's own code, which are then copied."""
CHUNK = 50_000
COMMIT_SIZE = 100
"""Entries in each copied commit: as in an import."""

# UUIDv7 ids: they sort by time, and before all ids that are created today.
_COPY_ENTRIES = """
WITH copied AS MATERIALIZED (
    SELECT g AS seq, m.seq AS model, m.id AS model_id, convert_from(m.entry, 'UTF8') AS text,
        (lpad(to_hex(1600000000000 + g), 12, '0') || '7' || substr(md5(g::text), 1, 3) || '8'
            || substr(md5(g::text), 4, 15))::uuid AS id
    FROM generate_series(%(start)s::bigint, %(end)s::bigint - 1) g
    JOIN ledger.entries m ON m.seq = %(model)s + g %% %(models)s
), entry AS (
    SELECT seq, id, convert_to(replace(replace(text, model_id::text, id::text),
        '"seq":' || model || ',', '"seq":' || seq || ','), 'UTF8') AS entry FROM copied
), entries AS (
    INSERT INTO ledger.entries (seq, id, entry, leaf_hash)
    SELECT seq, id, entry, sha256('\\x00'::bytea || entry) FROM entry
), payloads AS (
    INSERT INTO ledger.payloads (seq, section, salt, value)
    SELECT copied.seq, p.section, sha256(int8send(copied.seq)), p.value
    FROM copied JOIN ledger.payloads p ON p.seq = model
), touches AS (
    INSERT INTO ledger.touches (kind, name, seq)
    SELECT t.kind, t.name, copied.seq FROM copied JOIN (
        SELECT * FROM ledger.touches WHERE seq >= %(model)s AND seq < %(model)s + %(models)s
    ) t ON t.seq = model
), ids AS (
    INSERT INTO ledger.ids (id, kind, slug, seq) SELECT id, 'statement', NULL, seq FROM copied
)
INSERT INTO ledger.commits (size, recorded_at, root, frontier)
SELECT size, now(), sha256(int8send(size)), ARRAY(
    SELECT sha256(int8send(size) || int8send(n))
    FROM generate_series(1, bit_count(size::bit(64))) n
)
FROM (
    SELECT generate_series(%(start)s::bigint + %(a_commit)s, %(end)s::bigint, %(a_commit)s) AS size
    UNION SELECT %(end)s::bigint
) sizes
"""


def fill_by_sql(url: str, size: int) -> None:
    """Fill an empty ledger with `size` entries."""
    with writer(url) as conn:
        append(conn, [seal_request(request) for request in statements.registrations()])
        first = read.ledger_size(conn)
        for start in range(0, min(TEMPLATES, size - first), 250):
            append(conn, [seal_request(statements.request(start + n)) for n in range(250)])
        done = read.ledger_size(conn)
    with psycopg.connect(db.conninfo(url, synchronous_commit="off"), autocommit=True) as conn:
        params = {"model": first, "models": TEMPLATES, "a_commit": COMMIT_SIZE}
        conn.execute("VACUUM ANALYZE")
        while done < size:
            end = min(done + CHUNK, size)
            conn.execute(_COPY_ENTRIES, {**params, "start": done, "end": end})
            done = end
            bench.progress("filling", done, size)
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")


class Ledger:
    """A filled database with a writer, a follower and an API process on it."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self.writer = stack.enter_context(writer(url))
        self.follower = stack.enter_context(db.connect(url, role="onrecord_audit"))
        self.port = stack.enter_context(serving.served(url)).port
        self._next = TEMPLATES

    def append_one(self, count: int) -> float:
        """Milliseconds for an append of one statement."""
        return _median([self._append(1) for _ in range(count + WARM_UP_CALLS)])

    def batch(self, count: int) -> float:
        """Milliseconds a statement, in appends of 256."""
        return _median([self._append(256) for _ in range(count // 32 + WARM_UP_CALLS)]) / 256

    def read_after(self, count: int) -> float:
        """Milliseconds until a follower has read an entry that was just appended."""
        seconds = []
        for _ in range(count + WARM_UP_CALLS):
            self._append(1)
            size = read.ledger_size(self.writer)
            start = time.perf_counter()
            (entry,) = read_entries(self.follower, size - 1, size + 99)
            seconds.append(time.perf_counter() - start)
            assert entry.seq == size - 1
        return _median(seconds)

    def get(self, count: int) -> float:
        """Milliseconds for `GET /v1/events/{id}` over HTTP, of entries from everywhere."""
        wanted = iter(
            self.follower.execute(
                "SELECT id FROM ledger.entries WHERE seq IN (SELECT (random() * (%s - 1))::bigint"
                " FROM generate_series(1, %s))",
                [read.ledger_size(self.follower), (count + WARM_UP_CALLS) * 2],
            ).fetchall()
        )
        conn, seconds = serving.connection(self.port), []
        for _ in range(count + WARM_UP_CALLS):
            start = time.perf_counter()
            conn.request("GET", f"/v1/events/{next(wanted)[0]}")
            answer = conn.getresponse()
            assert (answer.status, answer.read()[:9]) == (200, b'{"entry":')
            seconds.append(time.perf_counter() - start)
        conn.close()
        return _median(seconds)

    def _append(self, count: int) -> float:
        requests = [statements.request(self._next + n) for n in range(count)]
        self._next += count
        start = time.perf_counter()
        append(self.writer, [seal_request(request) for request in requests])
        return time.perf_counter() - start


def _median(seconds: list[float]) -> float:
    return statistics.median(seconds[WARM_UP_CALLS:]) * 1e3


WARM_UP_CALLS = 3
"""Uncounted calls at the start of each slice, which fill the caches again."""

MEASURES = {
    "append of one": Ledger.append_one,
    "append of 256, each": Ledger.batch,
    "read after a write": Ledger.read_after,
    "GET of one event": Ledger.get,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=7)
    parser.add_argument("--count", type=int, default=200, help="of each, in a slice")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    args = parser.parse_args()
    with bench.postgres() as server, ExitStack() as stack:
        print(statements.sizes())
        ledgers: dict[int, Ledger] = {}
        for size in args.sizes:
            url = bench.migrated(server, f"size_{size}")
            fill_by_sql(url, size)
            ledgers[size] = Ledger(url, stack)
        figures = {
            name: bench.alternate(
                {
                    f"{size:,}": partial(measure, ledger, args.count)
                    for size, ledger in ledgers.items()
                },
                slices=args.slices,
                before=lambda: bench.settle(server),
            )
            for name, measure in MEASURES.items()
        }
    print("\n| ms, median (least to most) |", " | ".join(MEASURES), "|")
    print("|---:" * (len(MEASURES) + 1) + "|")
    for size in args.sizes:
        cells = [bench.spread(figures[name][f"{size:,}"]) for name in MEASURES]
        print(f"| {size:,} entries |", " | ".join(cells), "|")
    ends = f"{args.sizes[0]:,}", f"{args.sizes[-1]:,}"
    ratios = [
        bench.spread([b / a for a, b in zip(*(figures[name][end] for end in ends), strict=True)])
        for name in MEASURES
    ]
    print(f"| {ends[1]} / {ends[0]} |", " | ".join(ratios), "|")
    by_size = {name: {size: figures[name][f"{size:,}"] for size in args.sizes} for name in MEASURES}
    drawing = Path(__file__).with_suffix(".svg")
    drawing.write_text(plot.svg(by_size, across="entries on record", up="milliseconds, median"))
    print(f"\nDrawn: {drawing.name}")


if __name__ == "__main__":
    main()
