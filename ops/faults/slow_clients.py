"""Fault: clients that hold connections: silent, dripping, not reading, or waiting for a size.

Runs the API in a process of its own over a new embedded PostgreSQL, and an honest client beside
each kind of these. Exits with 1 unless every honest request is answered with 200.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support import postgres, streaming
from tests.support.processes import deployment
from tests.support.raw_http import AUTHORIZED
from tests.support.store import open_store

HEAD = b"GET /v1/actors HTTP/1.1\r\n" + AUTHORIZED
BATCH = b"POST /v1/batch HTTP/1.1\r\n" + AUTHORIZED + b"Content-Type: application/x-ndjson\r\n"
LINES = b"{}\n" * 60_000
KINDS = {
    "none": (b"", b"", 0),
    "silent": (b"", b"", 1),
    "slow heads": (HEAD + b"X: ", b"a", 1),
    "slow bodies": (BATCH + b"Content-Length: 99999\r\n\r\n", b" ", 1),
    "unread answers": (BATCH + b"Content-Length: %d\r\n\r\n" % len(LINES) + LINES, b"", 0.02),
    "waits for a size": (
        b"GET /v1/actors?min_size=1000000 HTTP/1.1\r\n" + AUTHORIZED + b"\r\n",
        b"",
        0.134,
    ),
}
"""What each client sends at first and then each second, and how many there are of `--count`."""


async def honest(port: int, seconds: float) -> list[float | None]:
    """Seconds of each request on a new connection; None where it was not answered with 200."""
    durations: list[float | None] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(HEAD + b"Connection: close\r\n\r\n")
                answer = await reader.read()
                writer.close()
            durations.append(time.monotonic() - began if b" 200 OK" in answer[:20] else None)
        except (OSError, TimeoutError):
            durations.append(None)
        await asyncio.sleep(0.02)
    return durations


async def hold(port: int, first: bytes, drip: bytes) -> None:
    """Hold a connection, and another when it is closed."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.transport.pause_reading()
            writer.write(first)
            while not writer.transport.is_closing():
                await asyncio.sleep(1)
                writer.write(drip)
        except OSError:
            await asyncio.sleep(0.1)


async def attack(port: int, pid: int, kind: str, count: int, seconds: float) -> bool:
    """Run one kind beside an honest client; whether the latter was always answered."""
    first, drip, share = KINDS[kind]
    holders = [asyncio.create_task(hold(port, first, drip)) for _ in range(round(count * share))]
    await asyncio.sleep(2)
    durations = await honest(port, seconds)
    for holder in holders:
        holder.cancel()
    await asyncio.wait(holders or [asyncio.create_task(asyncio.sleep(0))])
    answered = sorted(duration for duration in durations if duration is not None)
    status = Path(f"/proc/{pid}/status").read_text()
    memory = int(status.partition("VmRSS:")[2].split()[0]) // 1024
    print(
        f"{len(holders):5} {kind:17} {len(answered)} of {len(durations)} answered,"
        f" median {1e3 * statistics.median(answered or [0]):.0f} ms,"
        f" slowest {1e3 * max(answered, default=0):.0f} ms; {memory} MB",
        flush=True,
    )
    return len(answered) == len(durations)


def main() -> int:
    """Run the fault; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_500, help="connections")
    parser.add_argument("--seconds", type=float, default=25, help="for each kind")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as logs,
        postgres.server() as server_url,
        postgres.database(server_url) as url,
        open_store(url) as store,
        deployment(url, Path(logs), broker_url=None) as deployed,
    ):
        streaming.seed_stream(store)
        store.catch_up()
        deployed.start("local_api")
        pid, port = deployed.running["local_api"].pid, deployed.settings.port
        ok = [
            asyncio.run(attack(port, pid, kind, options.count, options.seconds)) for kind in KINDS
        ]
        errors = [line for line in deployed.log("local_api").splitlines() if '"error"' in line]
    print(f"{len(errors)} errors in the log", *errors[:3], sep="\n")
    return 0 if all(ok) and not errors else 1


if __name__ == "__main__":
    sys.exit(main())
