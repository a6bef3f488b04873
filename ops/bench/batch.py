"""Benchmark: rate and peak memory of one large batch, against a raw COPY.

`POST /v1/batch` over HTTP against (a) COPY of the same bytes into one column of text, without any
index, and (b) COPY of the rows that the ledger wrote into tables with the same
constraints and indexes. Memory is the peak of the server process for one request of each size.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import bench
import serving
import statements

from onrecord.kit.sql import db

TABLES = {
    "entries": "seq",
    "payloads": "seq",
    "touches": "seq",
    "ids": "seq",
    "commits": "size - 1",
}
"""The ledger's tables, and which entry a row belongs to."""

COPY_LINES = r"COPY raw (line) FROM STDIN (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"
BLOCK = 1 << 18
RECORDED = b'"status":201'


def write_lines(path: Path, start: int, count: int) -> None:
    """Write a batch to a file, so that building it takes no time while it is sent."""
    with path.open("wb") as file:
        for n, line in enumerate(serving.statement_lines(start, count), start=1):
            file.write(line)
            bench.progress("writing lines", n, count)


def post_file(port: int, path: Path) -> int:
    """Post a batch while reading its answer; how many lines were recorded."""
    conn = serving.connection(port)
    conn.putrequest("POST", "/v1/batch")
    conn.putheader("Content-Type", serving.NDJSON)
    conn.putheader("Content-Length", str(path.stat().st_size))
    conn.endheaders()
    with path.open("rb") as file:
        sender = threading.Thread(target=conn.sock.sendfile, args=(file,))
        sender.start()
        answer, count, rest = conn.getresponse(), 0, b""
        while block := answer.read1(BLOCK):
            count += (rest + block).count(RECORDED)
            rest = block[-len(RECORDED) + 1 :]
        sender.join()
    conn.close()
    return count


class Copies:
    """Both kinds of COPY, with their databases."""

    def __init__(self, ledger: str, raw: str, rows: str) -> None:
        self._ledger, self._raw, self._rows = ledger, raw, rows
        with db.connect(raw) as conn:
            conn.execute("CREATE TABLE raw (line text NOT NULL)")
        self._copied = 0

    def lines(self, path: Path) -> float:
        """Seconds to copy a file as lines of text."""
        start = time.perf_counter()
        with (
            path.open("rb") as file,
            db.connect(self._raw) as conn,
            conn.cursor() as cursor,
            cursor.copy(COPY_LINES) as copy,
        ):
            while block := file.read(BLOCK):
                copy.write(block)
        return time.perf_counter() - start

    def rows(self, until: int) -> float:
        """Seconds to copy the ledger's next rows, of entries below `until`, as one transaction."""
        blocks_by_table: dict[str, list[bytes]] = {}
        with db.connect(self._ledger) as conn, conn.cursor() as cursor:
            for table, seq in TABLES.items():
                which = f"{seq} >= {self._copied} AND {seq} < {until}"
                select = f"SELECT * FROM ledger.{table} WHERE {which}"
                with cursor.copy(f"COPY ({select}) TO STDOUT (FORMAT binary)") as copy:
                    blocks_by_table[table] = _joined([bytes(block) for block in copy])
        self._copied = until
        start = time.perf_counter()
        with db.connect(self._rows) as conn, conn.transaction(), conn.cursor() as cursor:
            for table, blocks in blocks_by_table.items():
                with cursor.copy(f"COPY ledger.{table} FROM STDIN (FORMAT binary)") as copy:
                    for block in blocks:
                        copy.write(block)
        return time.perf_counter() - start


def _joined(rows: list[bytes]) -> list[bytes]:
    whole = b"".join(rows)
    return [whole[at : at + BLOCK] for at in range(0, len(whole), BLOCK)]


def rates(server: str, folder: Path, *, slices: int, count: int) -> None:
    """Print the rates of a batch of `count` lines and of both COPYs."""
    url, path = bench.migrated(server, "ledger"), folder / "rates"
    rows = bench.migrated(server, "rows")
    copies = Copies(url, bench.database(server, "raw"), rows)
    with serving.served(url) as api:
        cast = serving.send(api.port, serving.cast_lines())
        copies.rows(cast)
        posted, copied = 0, 0

        def ours() -> float:
            nonlocal posted
            write_lines(path, posted, count)
            posted += count
            start = time.perf_counter()
            assert post_file(api.port, path) == count
            return count / (time.perf_counter() - start)

        def same_rows() -> float:
            nonlocal copied
            copied += count
            return count / copies.rows(cast + copied)

        ours()  # so that there always are rows to copy
        figures = bench.alternate(
            {
                "POST /v1/batch": ours,
                "COPY of the same bytes": lambda: count / copies.lines(path),
                "COPY of the same rows": same_rows,
            },
            slices=slices,
            before=lambda: bench.settle(server),
        )
    bench.table(f"A batch of {count:,} lines", figures, unit="lines/s", target=0.25)


def memory(server: str, folder: Path, counts: list[int]) -> None:
    """Print the peak memory for one batch of each size, each in a server process of its own."""
    print("\n| lines in one request | lines/s | server at rest, MiB | at its peak, MiB |")
    print("|---:|---:|---:|---:|")
    for count in counts:
        url, path = bench.migrated(server, f"memory_{count}"), folder / "memory"
        write_lines(path, 0, count)
        with serving.served(url) as api:
            serving.send(api.port, serving.cast_lines())
            rest = api.peak()
            bench.say(f"one request of {count:,} lines")
            start = time.perf_counter()
            assert post_file(api.port, path) == count
            rate = count / (time.perf_counter() - start)
            print(f"| {count:,} | {rate:,.0f} | {rest:.0f} | {api.peak():.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--count", type=int, default=20_000, help="lines in a slice")
    parser.add_argument("--lines", type=int, nargs="*", default=[10_000, 100_000])
    args = parser.parse_args()
    with bench.postgres() as server, tempfile.TemporaryDirectory() as folder:
        print(statements.sizes())
        rates(server, Path(folder), slices=args.slices, count=args.count)
        memory(server, Path(folder), args.lines)


if __name__ == "__main__":
    main()
