"""Benchmark: rate of reading the whole ledger for an audit, against a raw COPY of the same rows.

`GET /v1/events` as NDJSON over HTTP, in entries a second, against the fastest COPY that gives the
same entries with their payload: each read to the end by a client that only counts bytes.
"""

import argparse
import socket
import time

import bench
import psycopg
import serving
import statements

from onrecord.entrypoints.infrastructure import writer
from onrecord.kit.sql import db
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import seal_request

JOINED = """
SELECT e.seq, e.entry, p.sections, p.salts, p.values FROM ledger.entries e
LEFT JOIN (
    SELECT seq, array_agg(section) AS sections, array_agg(salt) AS salts,
           array_agg(value) AS values
    FROM (SELECT * FROM ledger.payloads ORDER BY seq, section) sections GROUP BY seq
) p USING (seq) ORDER BY seq
"""
"""An entry a row; a merge join of two index scans."""

FLAT = """
SELECT e.seq, e.entry, p.section, p.salt, p.value FROM ledger.entries e
LEFT JOIN ledger.payloads p USING (seq) ORDER BY e.seq, p.section
"""
"""A payload section a row, each with its entry again."""

ASK = (
    "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n"
    f"Connection: close\r\n{serving.AUTHORIZATION}"
)


def read_over_http(port: int) -> int:
    """Read the stream; returns the number of bytes."""
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.sendall(f"{ASK}\r\n\r\n".encode())
        buffer, total, end = bytearray(1 << 18), 0, b""
        while got := wire.recv_into(buffer):
            total += got
            end = (end + buffer[max(0, got - 5) : got])[-5:]
    assert end == b"0\r\n\r\n", f"the answer ends with {end!r}"
    return total


def count_lines(port: int) -> int:
    """The number of lines in the stream."""
    conn = serving.connection(port)
    conn.request("GET", "/v1/events", headers={"Accept": serving.NDJSON})
    return sum(1 for _ in conn.getresponse())


def read_by_copy(url: str, select: str, form: str) -> int:
    """The number of bytes of a COPY."""
    out = f"COPY ({select}) TO STDOUT (FORMAT {form})"
    with db.connect(url) as conn, conn.cursor() as cursor, cursor.copy(out) as copy:
        return sum(map(len, copy))


def record_statements(url: str, count: int) -> int:
    """Append `count` statements with their actors and topics; returns the ledger's size."""
    with writer(url) as conn:
        size = len(append(conn, [seal_request(request) for request in statements.registrations()]))
        for start in range(0, count, 250):
            batch = [statements.request(n) for n in range(start, min(count, start + 250))]
            size += len(append(conn, [seal_request(request) for request in batch]))
            bench.progress("recording", start + len(batch), count)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
    return size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--entries", type=int, default=100_000)
    args = parser.parse_args()
    with bench.postgres() as server:
        print(statements.sizes())
        url = bench.migrated(server, "replay")
        size = record_statements(url, args.entries)
        with serving.served(url) as api:
            assert count_lines(api.port) == size
            idle = api.peak()
            sent: dict[str, int] = {}

            def http() -> float:
                start = time.perf_counter()
                sent["ours"] = read_over_http(api.port)
                return size / (time.perf_counter() - start)

            def copy(name: str, select: str, form: str) -> float:
                start = time.perf_counter()
                sent[name] = read_by_copy(url, select, form)
                return size / (time.perf_counter() - start)

            figures = bench.alternate(
                {
                    "NDJSON over HTTP": http,
                    "COPY, an entry a row, binary": lambda: copy("joined", JOINED, "binary"),
                    "COPY, an entry a row, text": lambda: copy("text", JOINED, "text"),
                    "COPY, a section a row, binary": lambda: copy("flat", FLAT, "binary"),
                },
                slices=args.slices,
                before=lambda: bench.settle(server),
            )
            bench.table(f"Replay of {size:,} entries", figures, unit="entries/s", target=0.5)
            totals = ", ".join(f"{name} {total / 1e6:.0f} MB" for name, total in sent.items())
            print(f"\nBytes a run: {totals}.")
            print(f"Server's peak memory: {idle:.0f} MiB after one, {api.peak():.0f} after all.")


if __name__ == "__main__":
    main()
